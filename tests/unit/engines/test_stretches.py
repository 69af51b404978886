"""Text in stretches: nothing lost, and whole where nothing is too long."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.engines.stretches import cut_runs, stretches

ANY = st.text(
    alphabet=st.one_of(st.sampled_from(" ,.!8%aé你שа😀"), st.characters(exclude_characters="\n")), max_size=600
)


@given(text=ANY, language=st.sampled_from(["en-us", "he", "zh"]))
def test_together_they_are_the_text(text: str, language: str) -> None:
    """T-07"""
    assert "".join(stretches(text, language)) == text
    assert "".join(cut_runs(text, language)) == text


@given(unit=st.text(alphabet="8%😀안שа你aé", min_size=1, max_size=4), language=st.sampled_from(["en-us", "he", "zh"]))
def test_none_has_a_longer_run_than_is_said(unit: str, language: str) -> None:
    """T-07"""
    assert all(len(stretch) <= 64 for stretch in stretches(unit * 400, language))


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en-us", "Antidisestablishmentarianism costs $1,234,567.89, or so they say: 100 %! " * 5),
        ("de", "Die Rindfleischetikettierungsüberwachungsaufgabenübertragung. " * 6),
        ("fr-fr", "L’été, ça va… « Déjà » vu ! " * 12),
        ("he", "שלום עולם, מה שלומך היום? " * 15),
        ("ar", "مرحبا بالعالم، كيف حالك؟ " * 15),
        ("hi", "नमस्ते दुनिया, कैसे हो? " * 15),
        ("ru", "Привет, мир; как дела? " * 15),
        ("zh", "我们今天去公园，天气很好。" * 25),
        ("ja", "今日は天気がいいです、" * 25),
    ],
)
def test_a_sentence_as_people_write_it_is_one(language: str, text: str) -> None:
    assert stretches(text, language) == [text]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("9" * 40, ["9" * 16, "9" * 16, "9" * 8]),
        ("a" * 130, ["a" * 64, "a" * 64, "aa"]),
        ("Говорит Москва, and everybody listens to what is said there.",
         ["Говорит Москва, and everybody listens to what ", "is said there."]),
    ],
)  # fmt: skip
def test_it_is_cut_between_words_or_else_within_a_run(text: str, expected: list[str]) -> None:
    assert stretches(text, "en-us") == expected

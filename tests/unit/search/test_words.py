"""What two spellings of a word have in common, in the languages that people use."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from antiphon.platform.words import MAX_WORD, words_in, words_of


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("CAFÉ", "cafe"),
        ("cafe\u0301", "café"),
        ("שָׁלוֹם", "שלום"),
        ('צה"ל', "צהל"),
        ("don't", "dont"),
        ("don’t", "don't"),
        ("İstanbul", "istanbul"),
        ("ısı", "ISI"),
        ("Straße", "STRASSE"),
        ("Ёлка", "елка"),
        ("العَرَبِيَّة", "العربية"),
        ("Ｔｏｋｙｏ", "tokyo"),
        ("ﬁle", "file"),
        ("Ångström", "angstrom"),
        ("Łódź", "lodz"),
    ],
)
def test_spellings_of_one_word_are_one(one: str, other: str) -> None:
    assert words_of(one) == words_of(other) != []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Two words, three.", ["two", "words", "three"]),
        ("東京都に", ["東京", "京都", "都に"]),
        ("猫", ["猫"]),
        ("v2の話", ["v2", "の話"]),
        ("snake_case", ["snakecase"]),
        ("__ -- …", []),
        ("a" * 100, ["a" * MAX_WORD]),
        ("", []),
    ],
)
def test_a_text_falls_into_words(text: str, words: list[str]) -> None:
    assert words_of(text) == words


@given(st.text(max_size=60))
@settings(max_examples=60)
def test_each_word_stands_where_it_says(text: str) -> None:
    end = 0
    for word in words_in(text):
        assert 0 <= word.start < word.end <= len(text)
        assert word.end >= end
        end = word.end
        assert word.text
        assert "#" not in word.text

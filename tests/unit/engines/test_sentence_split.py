"""Sentences: nothing lost, none empty, none too long, in linear time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.engines.sentences import LONGEST, split

MARKS = " \n\t.!?…,;:\"'()“”«»。！？、؟۔।॥-—"


def squeezed(text: str) -> str:
    return "".join(text.split())


@given(st.text(alphabet=st.one_of(st.sampled_from(MARKS), st.characters(exclude_categories=["Cs"])), max_size=2000))
def test_nothing_is_lost_nothing_is_empty_and_nothing_is_too_long(text: str) -> None:
    """T-07"""
    sentences = split(text)

    assert squeezed("".join(sentences)) == squeezed(text)
    assert all(sentence == sentence.strip() and sentence and len(sentence) <= LONGEST for sentence in sentences)
    assert split(text) == sentences


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two! Three? Four", ("One.", "Two!", "Three?", "Four")),
        (
            "Dr. Smith paid $3.50 to J. Doe, e.g. for tea. Fine.",
            ("Dr. Smith paid $3.50 to J. Doe, e.g. for tea.", "Fine."),
        ),
        ('He said "Go." Then he went.', ('He said "Go."', "Then he went.")),
        ("Wait ... what? Yes.", ("Wait ...", "what?", "Yes.")),
        ("First paragraph\n\nSecond paragraph", ("First paragraph", "Second paragraph")),
        ("One line\nand its rest. Next.", ("One line\nand its rest.", "Next.")),
        ("你好世界。今天天气很好！真的吗？是", ("你好世界。", "今天天气很好！", "真的吗？", "是")),
        ("「行くぞ。」と言った。", ("「行くぞ。」", "と言った。")),
        ("مرحبا؟ كيف الحال۔ نعم.", ("مرحبا؟", "كيف الحال۔", "نعم.")),
        ("नमस्ते दुनिया। कैसे हो॥ ठीक", ("नमस्ते दुनिया।", "कैसे हो॥", "ठीक")),
        ("שלום עולם. מה שלומך?", ("שלום עולם.", "מה שלומך?")),
        ("(An open parenthesis. And more. And more.", ("(An open parenthesis.", "And more.", "And more.")),
        ("Well. — ! And on.", ("Well. — !", "And on.")),
        ("", ()),
        (" \n\t ", ()),
    ],
)
def test_sentences_end_where_a_reader_pauses(text: str, expected: tuple[str, ...]) -> None:
    assert split(text) == expected


def test_a_long_sentence_is_cut_at_a_pause() -> None:
    sentences = split(("some words and more of them, " * 40).strip())

    assert all(sentence.endswith("them,") for sentence in sentences)


def test_a_word_of_ten_thousand_letters_is_cut_hard() -> None:
    assert [len(piece) for piece in split("a" * 10_000)][:2] == [LONGEST - 1, LONGEST - 1]


def test_a_hard_cut_leaves_accents_on_their_letters() -> None:
    assert not any(piece[0] == "\u0301" for piece in split("e\u0301" * 5_000))


@pytest.mark.timeout(30)
@pytest.mark.parametrize("unit", [".", "!", "a. ", '"', ". ", "(", " ", "\n ", "...a", "a", '."', "。", "—", "\u0301"])
def test_a_text_built_to_be_slow_takes_no_longer(unit: str) -> None:
    """A quadratic splitter needs minutes for these and a linear one a tenth of a second; the timeout is what fails."""
    text = unit * (300_000 // len(unit))

    assert squeezed("".join(split(text))) == squeezed(text)

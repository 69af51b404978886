"""Pages, parts and windows."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from antiphon.documents.model import OVERLAP, PART, WINDOW, Page, clean, parts_of, sections, windows_of, words_in

TEXTS = st.text(alphabet="abc \nשלום", max_size=5000)


@given(TEXTS)
def test_windows_stand_in_their_page_and_leave_nothing_out(text: str) -> None:
    found = list(windows_of(Page(7, text)))
    assert all(w.page == 7 and w.text in text and 0 < len(w.text) <= WINDOW for w in found)
    place = 0
    for window in found:
        start = text.find(window.text, max(0, place - OVERLAP - 110))
        assert text[place:start].strip() == "", "something lies between two windows"
        place = start + len(window.text)
    assert text[place:].strip() == ""


@given(st.lists(TEXTS, max_size=5), st.integers(100, 3000))
def test_sections_hold_every_word_in_order(blocks: list[str], size: int) -> None:
    found = list(sections(blocks, size))
    assert all(len(section) <= size for section in found)
    assert "".join("".join(found).split()) == "".join("".join(blocks).split())


def test_a_page_is_its_parts() -> None:
    long = Page(3, "x" * (2 * PART + 1))
    assert [(p.page, p.index, len(p.text)) for p in parts_of(long)] == [(3, 0, PART), (3, 1, PART), (3, 2, 1)]
    assert [p.text for p in parts_of(Page(1, ""))] == [""]


def test_what_cannot_be_stored_is_left_out() -> None:
    assert clean("a\0b\ud800c\r\nd\x1be\ufffef\N{NO-BREAK SPACE}g") == "ab\N{REPLACEMENT CHARACTER}c\ndef g"
    assert clean("👍🏽 שלום\t") == "👍🏽 שלום\t"


def test_words_of_all_scripts_count() -> None:
    assert words_in("Two words. שלום עולם") == 4

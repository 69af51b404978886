"""Answers of bounded size."""

from __future__ import annotations

import pytest

from antiphon.documents.model import PART, Page, Part
from antiphon.documents.show import MOST_TEXT, MOST_WHOLE, behind, place_of, some_of, whole
from antiphon.platform.errors import BadCursor, TooLarge


def test_a_list_ends_at_its_limit_or_at_its_size() -> None:
    small = [Part(n, 0, "x") for n in range(1, 6)]
    assert some_of(small, 2) == (small[:2], True)
    assert some_of(small, 5) == (small, False)
    large = [Part(n, 0, "ש" * PART) for n in range(1, 20)]
    found, more = some_of(large, 100)
    assert more
    assert sum(len(p.text.encode()) for p in found) <= MOST_TEXT
    assert some_of([Part(1, 0, "x" * (MOST_TEXT + 1))], 5)[0], "one at least, or nobody would come further"


def test_a_whole_text_that_is_too_long_is_refused() -> None:
    assert whole([Page(1, "a"), Page(2, "b")]) == "a\n\nb"
    with pytest.raises(TooLarge):
        whole([Page(1, "x" * MOST_WHOLE)])


def test_a_cursor_says_behind_which_part_it_stands() -> None:
    assert behind(place_of(Part(12, 3, ""))) == (12, 3)
    assert behind(None) is None
    for forged in ("", "x", "1", "1.2.3", "-1.0"):
        with pytest.raises(BadCursor):
            behind(forged)

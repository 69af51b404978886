"""The text of a document in answers of bounded size."""

from __future__ import annotations

import re
from collections.abc import Iterable

from antiphon.documents.model import Page, Part
from antiphon.platform.errors import BadCursor, TooLarge

MOST_TEXT, MOST_WHOLE = 1_000_000, 4_000_000
"""Bytes of text in one answer: in a list, and as one text. A function may answer with 6 MB."""
_PLACE = re.compile(r"(\d{1,6})\.(\d{1,3})")


def some_of(parts: Iterable[Part], limit: int) -> tuple[list[Part], bool]:
    """As many as one answer holds, one at least, and whether there are more."""
    found: list[Part] = []
    size = 0
    for part in parts:
        size += len(part.text.encode())
        if found and (len(found) == limit or size > MOST_TEXT):
            return found, True
        found.append(part)
    return found, False


def whole(pages: Iterable[Page]) -> str:
    """An empty line between two pages. Raises TooLarge ``text_too_long``."""
    texts: list[str] = []
    size = 0
    for page in pages:
        size += len(page.text.encode()) + 2
        if size > MOST_WHOLE:
            raise TooLarge("The text is too long for one answer; read it page by page.", code="text_too_long")
        texts.append(page.text)
    return "\n\n".join(texts)


def place_of(part: Part) -> str:
    """For a cursor."""
    return f"{part.page}.{part.index}"


def behind(position: str | None) -> tuple[int, int] | None:
    """What `place_of` wrote. Raises BadCursor."""
    if position is None:
        return None
    match = _PLACE.fullmatch(position)
    if match is None:
        raise BadCursor("Take next_cursor as the list gave it, unchanged.")
    return int(match[1]), int(match[2])

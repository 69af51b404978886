"""A document's text as it is kept: numbered pages, each in parts small enough for a row; and the windows in which it is searched."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from antiphon.platform.errors import JobError

FORMATS = ("pdf", "docx", "pptx", "xlsx", "txt", "md", "html", "csv")
SECTION = 3_000
"""Characters of a page where the format has none: cut at the border of a paragraph or row."""
PART = 60_000
"""Characters of one row: at most 240 KB."""
WINDOW, OVERLAP = 800, 160
"""Characters of a passage, and of them those that it shares with the one before."""
_WORD = re.compile(r"\w+")


class DocumentError(JobError):
    """The document cannot be used. Codes: ``unsupported_format empty_document document_encrypted document_unreadable document_too_long
    document_out_of_bounds``."""

    code, title = "document_unreadable", "The document cannot be read"


@dataclass(frozen=True)
class Limits:
    """U-24. ``max_memory``: bytes of address space of the reading process; ``max_cpu``, ``max_wall``: seconds; ``max_pages``; ``max_text``: bytes as UTF-8;
    ``max_unpacked``, ``max_entries``, ``max_ratio``: of what is a zip inside."""

    max_memory: int = 1_536 * 1024**2
    max_cpu: int = 240
    max_wall: int = 300
    max_pages: int = 5_000
    max_text: int = 20 * 1024**2
    max_unpacked: int = 100 * 1024**2
    max_entries: int = 2_000
    max_ratio: int = 100


@dataclass(frozen=True)
class Page:
    """``number``: from 1. A page of a PDF, a slide, some rows of a sheet, or a section of a text."""

    number: int
    text: str


@dataclass(frozen=True)
class Part:
    """A page in pieces: ``index`` from 0."""

    page: int
    index: int
    text: str


@dataclass(frozen=True)
class Window:
    """A stretch of one page."""

    page: int
    text: str


def clean(text: str) -> str:
    """Without what cannot be stored or shown: half surrogates, control and non-characters; line ends are newlines."""
    text = (
        text.encode("utf-16-le", "surrogatepass")
        .decode("utf-16-le", "replace")
        .replace("\r\n", "\n")
        .replace("\r", "\n")
    )
    text = text.replace("\f", "\n").replace("\v", "\n").replace("\N{NO-BREAK SPACE}", " ")
    return "".join(c for c in text if c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cs", "Cn"))


def words_in(text: str) -> int:
    return sum(1 for _ in _WORD.finditer(text))


def sections(blocks: Iterable[str], size: int = SECTION) -> Iterator[str]:
    """Paragraphs or rows put together to about ``size`` characters; what is longer alone is cut at a space."""
    held: list[str] = []
    length = 0
    for block in blocks:
        for piece in _cut(block, size):
            if held and length + len(piece) > size:
                yield "\n".join(held)
                held, length = [], 0
            held.append(piece)
            length += len(piece) + 1
    if any(piece.strip() for piece in held):
        yield "\n".join(held)


def parts_of(page: Page) -> Iterator[Part]:
    """At least one, so that an empty page is a page."""
    for index, start in enumerate(range(0, max(1, len(page.text)), PART)):
        yield Part(page.number, index, page.text[start : start + PART])


def windows_of(page: Page) -> Iterator[Window]:
    """Overlapping stretches that begin and end at a word; each stands in the page as it is here."""
    text, start = page.text, 0
    while start < len(text):
        end = _border(text, start + WINDOW)
        if stretch := text[start:end].strip():
            yield Window(page.number, stretch)
        if end >= len(text):
            return
        start = max(start + 1, _border(text, end - OVERLAP))


def _cut(block: str, size: int) -> Iterator[str]:
    start = 0
    while len(block) - start > size:
        end = max(start + 1, _border(block, start + size))
        yield block[start:end].strip()
        start = end
    yield block[start:].strip()


def _border(text: str, place: int) -> int:
    """The last space before a place, if there is one near; else the place."""
    if place >= len(text):
        return len(text)
    found = max(text.rfind(" ", place - 100, place), text.rfind("\n", place - 100, place))
    return found + 1 if found > 0 else place


def pages_of(parts: Iterable[Part]) -> Iterator[Page]:
    """parts: in order."""
    held: list[Part] = []
    for part in parts:
        if held and held[0].page != part.page:
            yield Page(held[0].page, "".join(p.text for p in held))
            held = []
        held.append(part)
    if held:
        yield Page(held[0].page, "".join(p.text for p in held))

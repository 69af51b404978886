"""A transcript as the renderers take it, and what they give."""

from __future__ import annotations

from dataclasses import dataclass

from antiphon.engines.ports import Word


@dataclass(frozen=True)
class IndexedSegment:
    """``start``, ``end``: seconds from the beginning of the recording."""

    index: int
    start: float
    end: float
    text: str
    speaker: str | None = None
    confidence: float | None = None
    words: tuple[Word, ...] = ()


@dataclass(frozen=True)
class Transcript:
    id: str
    text: str
    language: str | None
    duration: float | None
    engine: str | None
    segments: tuple[IndexedSegment, ...]


@dataclass(frozen=True)
class RenderOptions:
    """For subtitles. max_line_width: characters; max_line_count: lines of one cue; highlight_words: a cue per word, the word underlined."""

    max_line_width: int | None = None
    max_line_count: int | None = None
    highlight_words: bool = False


@dataclass(frozen=True)
class Rendered:
    body: str
    content_type: str
    extension: str

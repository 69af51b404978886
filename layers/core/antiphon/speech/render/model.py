"""What is rendered, how, and what comes of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from antiphon.engines.ports import Char, Word


@dataclass(frozen=True)
class IndexedSegment:
    """``index``: its place in the transcript, from 0; ``start``, ``end``: seconds from the beginning of the recording.

    ``text`` may have been corrected by the user, so that ``words`` (the machine's) need not spell it: then ``machine_text`` is what the engine heard.
    ``speaker``: the name, or the engine's own ``speaker_label`` where nobody gave one.
    """

    index: int
    start: float
    end: float
    text: str
    speaker: str | None = None
    confidence: float | None = None
    words: tuple[Word, ...] = ()
    machine_text: str | None = None
    speaker_label: str | None = None
    chars: tuple[Char, ...] = ()


@dataclass(frozen=True)
class Transcript:
    """``language``: ISO 639-1 or None; ``duration``: seconds or None; ``segments``: in order."""

    id: str
    text: str
    language: str | None
    duration: float | None
    engine: str | None
    segments: tuple[IndexedSegment, ...]


@dataclass(frozen=True)
class RenderOptions:
    """``speaker_labels``: say who speaks, in every format but json and tsv. The rest is for srt and vtt only. ``max_line_width``: characters; ``max_line_count``: lines in one cue, which without a width never break;
    ``highlight_words``: underline each word while it is spoken, where the engine gave its times."""

    max_line_width: int | None = None
    max_line_count: int | None = None
    highlight_words: bool = False
    speaker_labels: bool = True


@dataclass(frozen=True)
class Rendered:
    """``extension``: of a file that holds ``body``, without a dot."""

    body: str
    content_type: str
    extension: str

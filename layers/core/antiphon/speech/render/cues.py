"""Cues: what a subtitle shows at once."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from antiphon.engines.ports import Word
from antiphon.speech.render.model import IndexedSegment, RenderOptions, Transcript

DEFAULT_WIDTH = 1000
_BREAKS = re.compile(r"\s+")


@dataclass(frozen=True)
class Cue:
    """``lines``: clean text, no line empty; ``spoken``: the words of the cue where their times are known, line by line."""

    start: float
    end: float
    lines: tuple[str, ...]
    speaker: str | None
    spoken: tuple[tuple[Word, ...], ...] = ()


def plain(text: str) -> str:
    """One line without what a subtitle file would take for its own marks."""
    return _BREAKS.sub(" ", text).replace("-->", "→").strip()


def cues(transcript: Transcript, options: RenderOptions) -> Iterator[Cue]:
    """In order; one per segment, or more where a segment has more lines than a cue may show."""
    for segment in transcript.segments:
        timed = bool(segment.words) and plain(" ".join(w.word for w in segment.words)) == plain(segment.text)
        yield from _by_words(segment, options) if timed else _by_text(segment, options)


def _by_words(segment: IndexedSegment, options: RenderOptions) -> Iterator[Cue]:
    width = options.max_line_width or DEFAULT_WIDTH
    lines: list[list[Word]] = []
    length = 0
    for word in segment.words:
        size = len(plain(word.word))
        if not size:
            continue
        if not lines or length + 1 + size > width:
            lines.append([])
            length = -1
        lines[-1].append(word)
        length += 1 + size
    count = options.max_line_count or max(1, len(lines))
    for first in range(0, len(lines), count):
        shown = tuple(tuple(line) for line in lines[first : first + count])
        start = segment.start if first == 0 else shown[0][0].start
        end = segment.end if first + count >= len(lines) else shown[-1][-1].end
        texts = tuple(" ".join(plain(w.word) for w in line) for line in shown)
        yield Cue(max(0.0, start), max(0.0, start, end), texts, segment.speaker, shown)


def _by_text(segment: IndexedSegment, options: RenderOptions) -> Iterator[Cue]:
    """Where words have no times, the time of the segment is shared out by the number of characters."""
    lines = textwrap.wrap(plain(segment.text), options.max_line_width or DEFAULT_WIDTH, break_long_words=True, break_on_hyphens=False)
    if not lines:
        return
    count = options.max_line_count or len(lines)
    total = sum(len(line) for line in lines)
    start, span = max(0.0, segment.start), max(0.0, segment.end - segment.start)
    for first in range(0, len(lines), count):
        shown = tuple(lines[first : first + count])
        end = start + span * sum(len(line) for line in shown) / total
        yield Cue(start, end, shown, segment.speaker)
        start = end


def frames(cue: Cue, options: RenderOptions, escape: Callable[[str], str]) -> Iterator[tuple[float, float, str]]:
    """What is on the screen from when to when: the cue, or with highlighted words one picture per word."""
    label = f"[{escape(plain(cue.speaker))}]: " if cue.speaker else ""
    if not (options.highlight_words and cue.spoken):
        yield cue.start, cue.end, label + "\n".join(escape(line) for line in cue.lines)
        return
    words = [(row, w) for row, line in enumerate(cue.spoken) for w in line]
    for place, (_, word) in enumerate(words):
        start = cue.start if place == 0 else max(cue.start, word.start)
        end = cue.end if place == len(words) - 1 else max(start, words[place + 1][1].start)
        rows = [
            " ".join(f"<u>{escape(plain(w.word))}</u>" if w is word else escape(plain(w.word)) for w in line)
            for line in cue.spoken
        ]
        yield start, end, label + "\n".join(rows)

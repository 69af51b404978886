"""Subtitles: segments broken into lines and cues, with times that never run backwards."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from antiphon.speech.render.model import IndexedSegment, RenderOptions, Transcript
from antiphon.speech.render.text import one_line
from antiphon.speech.render.timestamps import milliseconds
from antiphon.speech.render.tokens import Token, tokens_of

Escape = Callable[[str], str]
Lines = list[list[Token]]


@dataclass(frozen=True)
class Cue:
    """``start`` < ``end``: milliseconds; ``text``: lines, none of them empty, escaped for the format."""

    start: int
    end: int
    text: str


def cues_of(transcript: Transcript, options: RenderOptions, escape: Escape) -> Iterator[Cue]:
    """At least one cue for each segment that says anything; no cue begins before the one before it began."""
    earliest = 0
    for segment in transcript.segments:
        for cue in _segment(segment, transcript.language, options, escape):
            start = max(cue.start, earliest)
            yield Cue(start, max(cue.end, start + 1), cue.text)
            earliest = start


def _segment(segment: IndexedSegment, language: str | None, options: RenderOptions, escape: Escape) -> Iterator[Cue]:
    tokens = tokens_of(segment, language)
    if not tokens:
        return
    label = one_line(segment.speaker or "")
    prefix = f"[{label}]: " if label else ""
    width, count = options.max_line_width, options.max_line_count
    # A name that leaves no room for the first word has a line to itself; not where a cue is one line, and would say nothing else.
    alone = bool(label) and width is not None and count != 1 and len(prefix) + len(tokens[0].text) > width
    if alone:
        prefix = f"[{label}]:\n"
    lines = _lines(tokens, width, 0 if alone else len(prefix))
    step = count or len(lines) + alone
    first = step - alone
    blocks = [lines[:first], *(lines[at : at + step] for at in range(first, len(lines), step))]
    for number, block in enumerate(blocks):
        # The outer edges are the segment's own; inside it, those of the words.
        start = segment.start if number == 0 else block[0][0].start
        end = segment.end if number == len(blocks) - 1 else block[-1][-1].end
        # Who speaks is said once, at the beginning of the segment.
        head = prefix if number == 0 else ""
        times = milliseconds(start), milliseconds(end)
        if options.highlight_words and tokens[0].exact:
            yield from _highlighted(block, head, times, escape)
        else:
            yield Cue(*times, _text(block, head, escape))


def _lines(tokens: list[Token], width: int | None, indent: int) -> Lines:
    """Greedy; a token wider than a line has one to itself."""
    lines: Lines = [[]]
    length = indent
    for token in tokens:
        room = length + token.spaced + len(token.text)
        if width is not None and lines[-1] and room > width:
            lines.append([])
            room = len(token.text)
        lines[-1].append(token)
        length = room
    return lines


def _text(block: Lines, prefix: str, escape: Escape, marked: Token | None = None) -> str:
    return escape(prefix) + "\n".join(_line(line, escape, marked) for line in block)


def _line(line: list[Token], escape: Escape, marked: Token | None) -> str:
    """Escaped as a whole, because what must be escaped may lie across two tokens."""
    if marked is None or not any(token is marked for token in line):
        return escape(_joined(line))
    at = next(index for index, token in enumerate(line) if token is marked)
    before, after = _joined(line[:at]), _joined(line[at + 1 :], leading=True)
    space = " " if at and marked.spaced else ""
    return f"{escape(before)}{space}<u>{escape(marked.text)}</u>{escape(after)}"


def _joined(tokens: list[Token], *, leading: bool = False) -> str:
    return "".join(
        (" " if token.spaced and (leading or index) else "") + token.text for index, token in enumerate(tokens)
    )


def _highlighted(block: Lines, prefix: str, times: tuple[int, int], escape: Escape) -> Iterator[Cue]:
    """One cue per word with that word underlined, and plain ones for the pauses between."""
    at, end = times
    for token in (token for line in block for token in line):
        start = min(max(milliseconds(token.start), at), end)
        stop = min(max(milliseconds(token.end), start), end)
        if start > at:
            yield Cue(at, start, _text(block, prefix, escape))
        if stop > start:
            yield Cue(start, stop, _text(block, prefix, escape, token))
        at = stop
    if at < end or times[0] >= times[1]:
        yield Cue(at, end, _text(block, prefix, escape))


def for_srt(text: str) -> str:
    """SRT knows no escapes: an arrow is shortened, as WhisperX does, until it cannot be taken for the line of times."""
    return re.sub(r"-{2,}>", "->", text)


def for_vtt(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")

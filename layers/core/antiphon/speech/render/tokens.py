"""A segment as the pieces that a line may be broken between, each with the time at which it is spoken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from antiphon.speech.render.model import IndexedSegment
from antiphon.speech.render.text import one_line

UNSPACED = frozenset({"zh", "ja", "th", "lo", "my", "yue", "km"})
"""Languages that are written without spaces between words."""


@dataclass(frozen=True)
class Token:
    """``spaced``: a space stands before it; ``start``, ``end``: seconds; ``exact``: the engine gave the times, they are no estimate."""

    text: str
    spaced: bool
    start: float
    end: float
    exact: bool


def tokens_of(segment: IndexedSegment, language: str | None) -> list[Token]:
    """All of the text, in order. Where the words spell it, they are the tokens; else (a corrected text) the times are spread by length."""
    text = one_line(segment.text)
    return _by_words(text, segment) or _by_length(text, segment, (language or "").split("-")[0] in UNSPACED)


def _by_words(text: str, segment: IndexedSegment) -> list[Token]:
    """Empty where the words do not spell the text."""
    tokens: list[Token] = []
    at = 0
    for word in segment.words:
        spoken = one_line(word.word)
        if not spoken:
            continue
        spaced = text.startswith(" ", at)
        at += spaced
        if not text.startswith(spoken, at):
            return []
        at += len(spoken)
        tokens.append(Token(spoken, spaced, word.start, word.end, True))
    return tokens if at == len(text) else []


def _by_length(text: str, segment: IndexedSegment, unspaced: bool) -> list[Token]:
    span = max(0.0, segment.end - segment.start) / max(1, len(text))
    tokens: list[Token] = []
    at = 0
    for word in text.split(" ") if text else ():
        pieces: Sequence[str] = word if unspaced and not word.isascii() else (word,)
        for number, piece in enumerate(pieces):
            start = segment.start + at * span
            tokens.append(Token(piece, number == 0 and bool(tokens), start, start + len(piece) * span, False))
            at += len(piece)
        at += 1
    return tokens

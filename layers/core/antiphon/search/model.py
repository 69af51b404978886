"""What is searched: messages, blocks of transcripts and pages of documents; and what is found."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from ulid import ULID

from antiphon.platform.words import words_in, words_of

BLOCK_WORDS = 120
"""Words of a block of a transcript, about: segments are not cut."""
SNIPPET = 220
"""Characters of a snippet, about."""
WINDOW_CHARACTERS, MAX_WINDOWS = 800, 40
"""Of a text whose meaning is one vector; and how many vectors one part has, at most."""
_K1, _B, _MEAN = 1.2, 0.75, 60.0


class Kind(StrEnum):
    MESSAGE = "message"
    TRANSCRIPT = "transcript"
    DOCUMENT = "document"

    @property
    def prefix(self) -> str:
        """Of the ids that its keys begin with."""
        return _PREFIXES[self]


_PREFIXES = {Kind.MESSAGE: "msg", Kind.TRANSCRIPT: "job", Kind.DOCUMENT: "doc"}


@dataclass(frozen=True)
class Line:
    """``start``: seconds into the recording; ``speaker``: as the user has named them."""

    text: str
    start: float | None = None
    speaker: str | None = None


@dataclass(frozen=True)
class Part:
    """What is found as one. ``key``: unique for the user, in the order of time: ``msg_…``, ``job_…#00012`` (a block's first segment), ``doc_…#00003`` (a page); ``parent``: the conversation, job or document that it goes with."""

    kind: Kind
    key: str
    parent: str
    lines: tuple[Line, ...]
    page: int | None = None

    @property
    def id(self) -> str:
        return self.key.partition("#")[0]

    @property
    def text(self) -> str:
        return " ".join(line.text for line in self.lines)


@dataclass(frozen=True)
class Entry:
    """What the index holds of a part. ``counts``: how often each word stands in it; ``meaning``: the embedder whose vectors are there."""

    kind: Kind
    key: str
    parent: str
    counts: Mapping[str, int]
    meaning: str | None = None

    @classmethod
    def of(cls, part: Part) -> Entry:
        return cls(part.kind, part.key, part.parent, Counter(words_of(part.text)))

    @property
    def length(self) -> int:
        return sum(self.counts.values())


@dataclass(frozen=True)
class Posting:
    """One word in one part. ``length``: words of the part."""

    kind: Kind
    key: str
    parent: str
    count: int
    length: int


@dataclass(frozen=True)
class Postings:
    """Newest first. ``covers``: the key down to which the list is complete; None: to the end."""

    found: tuple[Posting, ...]
    covers: str | None

    def knows(self, key: str) -> bool:
        return self.covers is None or key >= self.covers


@dataclass(frozen=True)
class Errand:
    """What the indexer is to look at: ``id`` of the reply whose exchange is new, None for all of ``parent``."""

    user_id: str
    kind: Kind
    parent: str
    id: str | None = None


@dataclass(frozen=True)
class Near:
    """``score``: cosine of the angle between two meanings, at most 1."""

    kind: Kind
    key: str
    parent: str
    score: float


@dataclass(frozen=True)
class Hit:
    """``fragments``: the snippet in pieces, each with whether it is a word that was looked for."""

    part: Part
    score: float
    fragments: tuple[tuple[str, bool], ...]
    start: float | None = None
    speaker: str | None = None

    @property
    def snippet(self) -> str:
        return "".join(text for text, _ in self.fragments)


def bound(kind: Kind, at: datetime, *, end: bool) -> str:
    """A key before (``end``: behind) all that were made in this millisecond."""
    moment = str(ULID.from_datetime(at))[:10]
    return f"{kind.prefix}_{moment}" + ("Z" * 17 if end else "")


def blocks(lines: Iterable[tuple[int, Line]]) -> Iterator[tuple[int, tuple[Line, ...]]]:
    """lines: with the index of their segments. The same blocks follow from each block's first segment on."""
    first, held, words = 0, list[Line](), 0
    for index, line in lines:
        if not held:
            first = index
        held.append(line)
        words += len(line.text.split())
        if words >= BLOCK_WORDS:
            yield first, tuple(held)
            held, words = [], 0
    if held:
        yield first, tuple(held)


def windows(text: str) -> list[str]:
    """Stretches that each mean one thing, about; at most `MAX_WINDOWS`, from the beginning."""
    found: list[str] = []
    words: list[str] = []
    length = 0
    for word in text.split():
        words.append(word[:WINDOW_CHARACTERS])
        length += len(words[-1]) + 1
        if length >= WINDOW_CHARACTERS:
            found.append(" ".join(words))
            words, length = [], 0
            if len(found) == MAX_WINDOWS:
                return found
    return [*found, " ".join(words)] if words else found


def score(postings: Sequence[Posting], weights: Sequence[float]) -> float:
    """BM25 of one part: the posting of each word that was looked for, and that word's weight."""
    total = 0.0
    for posting, weight in zip(postings, weights, strict=True):
        norm = _K1 * (1 - _B + _B * posting.length / _MEAN)
        total += weight * posting.count * (_K1 + 1) / (posting.count + norm)
    return total


def weight(postings: Postings) -> float:
    """Of a word: rare ones say more. Counted in the window that is looked at."""
    return math.log(1 + 1000 / (len(postings.found) + 0.5))


def hit(part: Part, terms: Iterable[str], score: float) -> Hit:
    """terms: folded. Shows the line with most of them, and of it the stretch around the first."""
    wanted = frozenset(terms)

    def fits(line: Line) -> int:
        return len(wanted & set(words_of(line.text)))

    line = max(part.lines, key=fits, default=Line(""))
    return Hit(part, score, _fragments(line.text, wanted), line.start, line.speaker)


def _fragments(text: str, wanted: frozenset[str]) -> tuple[tuple[str, bool], ...]:
    marks = [(word.start, word.end) for word in words_in(text) if word.text in wanted]
    begin = max(0, (marks[0][0] if marks else 0) - SNIPPET // 3)
    if begin:
        begin = text.find(" ", begin, begin + 30) + 1 or begin
    end = min(len(text), begin + SNIPPET)
    if end < len(text):
        cut = text.rfind(" ", end - 30, end)
        end = cut if cut > begin else end
    found: list[tuple[str, bool]] = [("… ", False)] if begin else []
    at = begin
    for start, stop in marks:
        if start < at or stop > end:
            # Words written without spaces overlap by a letter.
            if at < stop <= end and found and found[-1][1]:
                found[-1] = (found[-1][0] + text[at:stop], True)
                at = stop
            continue
        if start > at:
            found.append((text[at:start], False))
        found.append((text[start:stop], True))
        at = stop
    if at < end:
        found.append((text[at:end], False))
    if end < len(text):
        found.append((" …", False))
    return tuple(found)


@dataclass(frozen=True)
class Query:
    """``terms``: folded words, each once; ``text``: as it was asked; ``parent``: only what goes with this conversation."""

    text: str
    kinds: tuple[Kind, ...]
    parent: str | None = None
    since: datetime | None = None
    terms: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "terms", tuple(dict.fromkeys(words_of(self.text)))[:MAX_TERMS])


MAX_TERMS = 8
"""Words of a question that are looked for; the rest is left out."""

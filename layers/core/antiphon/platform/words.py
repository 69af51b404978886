"""Words as search compares them: case, accents and Hebrew or Arabic points folded away, whatever the language."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

MAX_WORD = 48
"""Characters of a word that count; longer ones are addresses, hashes and the like."""
_JOINED = "'’׳״\"ʼ"
_WORD = re.compile(rf"\w+(?:[{_JOINED}]\w+)*")
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]+"
)
"""Thai, Lao, Burmese, Khmer, kana and Han: written without spaces, so every two neighbours are a word."""
_FOLDED = str.maketrans({"ı": "i", "ø": "o", "ł": "l", "đ": "d", "ß": "ss", "ـ": None, "ى": "ي", "ة": "ه"})


@dataclass(frozen=True)
class Word:
    """``text``: folded; ``start``, ``end``: where it stands in the original, in characters."""

    text: str
    start: int
    end: int


@lru_cache(maxsize=20_000)
def folded(text: str) -> str:
    """What two spellings of a word have in common: ``CAFÉ`` and ``café``, ``שָׁלוֹם`` and ``שלום``, ``İstanbul`` and ``istanbul``."""
    plain = unicodedata.normalize("NFKD", text).casefold().translate(_FOLDED)
    return "".join(c for c in plain if not unicodedata.combining(c) and c not in _JOINED)


def words_in(text: str) -> Iterator[Word]:
    """Each word of a text, in order."""
    for match in _WORD.finditer(_marks_joined(text)):
        start = match.start()
        for piece in _pieces(match[0]):
            yield from _words(piece, start)
            start += len(piece)


def words_of(text: str) -> list[str]:
    return [word.text for word in words_in(text)]


def _marks_joined(text: str) -> str:
    """A combining mark is no ``\\w``: of the same length, with each mark a letter that goes on with its word."""
    if text.isascii():
        return text
    return "".join("ʼ" if unicodedata.combining(c) else c for c in text)


def _pieces(run: str) -> Iterator[str]:
    """Runs that are written without spaces, and what is between them."""
    at = 0
    for match in _UNSPACED.finditer(run):
        if match.start() > at:
            yield run[at : match.start()]
        yield match[0]
        at = match.end()
    if at < len(run):
        yield run[at:]


def _words(piece: str, start: int) -> Iterator[Word]:
    if _UNSPACED.fullmatch(piece):
        for place in range(max(1, len(piece) - 1)):
            two = folded(piece[place : place + 2])
            yield Word(two, start + place, start + min(place + 2, len(piece)))
        return
    text = folded(piece).replace("_", "")[:MAX_WORD]
    if text:
        yield Word(text, start, start + len(piece))

"""Text in stretches that espeak-ng says to their end.

It drops, without a word, what follows in a word of some 40 signs or 100 letters, and what follows in a sentence that is to be spelled because its
script is foreign to the voice (measured with 1.52; its buffers hold so many phonemes).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

_LATIN = r"A-Za-z\u00c0-\u024f"
_OWN = {
    "ar": r"\u0600-\u06ff",
    "he": r"\u0590-\u05ff",
    "hi": r"\u0900-\u097f",
    "ja": r"\u3040-\u30ff\u4e00-\u9fff",
    "ru": r"\u0400-\u04ff",
    "zh": r"\u4e00-\u9fff",
}
"""Letters of a language, beside Latin ones, which every voice can read."""
_SIGNS, _LETTERS, _MIXED, _SPELLED = 16, 64, 32, 48
"""Characters in a row: of digits, signs and foreign letters; of own letters; of both, pauses of scripts without spaces apart; and of a stretch
that is to be spelled."""


def cut_runs(text: str, language: str) -> list[str]:
    """The text, cut only within runs that are too long. text: without line ends; language: ISO 639-1, a region may follow."""
    return _patterns(language)[0].sub("\\1\n", text).split("\n")


def stretches(text: str, language: str) -> list[str]:
    """The text, whole where that is safe. Together they are the text, to the character. As for `cut_runs`."""
    blocks = cut_runs(text, language)
    if len(blocks) == 1 and not _patterns(language)[1].search(text):
        return [text]
    return [stretch for block in blocks for stretch in _between_words(block)]


def _between_words(block: str) -> Iterator[str]:
    stretch = ""
    for word in re.findall(r"\S*\s+|\S+", block):
        if stretch and len(stretch) + len(word) > _SPELLED:
            yield stretch
            stretch = ""
        stretch += word
    if stretch:
        yield stretch


@cache
def _patterns(language: str) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """A run that is too long, and a foreign letter."""
    own = _LATIN + _OWN.get(language.split("-")[0].lower(), "")
    mixed = rf"(?![{own}]{{{_MIXED}}})[^\s、，；：。]{{{_MIXED}}}"
    too_long = rf"([^\s{own}]{{{_SIGNS}}}|[{own}]{{{_LETTERS}}}|{mixed})(?=\S)"
    return re.compile(too_long), re.compile(rf"(?![{own}\d_])\w")

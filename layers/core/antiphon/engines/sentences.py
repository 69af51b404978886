"""Text into sentences that a synthesizer speaks one at a time.

Why our own: of the kept libraries, sentencex is fast and loses nothing, but one quotation mark or parenthesis that is never closed
makes the rest of the text one sentence, and it is 4 MB of native code; pysbd takes quadratic time (0.35 s for 20 kB). Neither bounds the length of a sentence.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

LONGEST = 400
"""Characters of a sentence. More would keep the first audio back and reach the 510 phonemes that Kokoro takes at once."""

_CLOSERS = "\"'”’»›)\\]}」』】）〉》"
_BREAK = re.compile(
    rf"[。｡！？．]+[{_CLOSERS}]*"  # scripts that put no space after the stop
    rf"|[؟۔।॥։።။។]+[{_CLOSERS}]*"
    rf"|(?<![.!?…‽])[.!?…‽]++[{_CLOSERS}]*+(?=\s)"  # begins and ends with the run of stops: linear for a million of them
    r"|\n[^\S\n]*\n"
)
_ABBREVIATION = re.compile(
    r"(?:^|[\s(\[\"'“‘])(?:mr|mrs|ms|dr|prof|rev|gen|sen|rep|st|sr|jr|vs|vol|fig|approx|inc|ltd|co|dept|est|e\.g|i\.e|cf|al|bzw|ca|z\.b|d\.h|[^\W\d_])\.$",
    re.IGNORECASE,
)
_PAUSE = re.compile(r"[,;:،、，；：—–]\s*")
_UNSPEAKABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_SPACE = re.compile(r"\s+")


def speakable(text: str) -> str:
    """The text with a space for each character that is no text: controls and halves of surrogate pairs. Positions stay."""
    return _UNSPEAKABLE.sub(" ", text)


def split(text: str) -> tuple[str, ...]:
    """The sentences of ``text`` in order: none empty, none above ``LONGEST`` characters, and nothing lost but white space.

    The same text gives the same sentences, in time linear in its length.
    """
    return tuple(piece for start, end in _sentences(text) for piece in _bounded(text[start:end].strip()))


def _sentences(text: str) -> Iterator[tuple[int, int]]:
    """Where each begins and ends, white space around it included."""
    begin, start, said = 0, 0, False
    for found in _BREAK.finditer(text):
        if found.group().startswith(".") and _goes_on(text, start, found):
            continue
        sentence = text[start : found.end()]
        # A lone "..." or "—" is no sentence: it belongs to what was said before it.
        if said and (any(map(str.isalnum, sentence)) or found.end() - begin >= LONGEST):
            yield begin, start
            begin = start
        start = found.end()
        said = said or bool(sentence.strip())
    if said:
        yield begin, start
        begin = start
    if text[begin:].strip():
        yield begin, len(text)


def _goes_on(text: str, start: int, stop: re.Match[str]) -> bool:
    """Whether this full stop ends an abbreviation, or the next word begins small."""
    if len(stop.group()) > 1:
        return False
    following = text[stop.end() : stop.end() + 40].lstrip()[:1]
    before = text[max(start, stop.end() - 12) : stop.end()]
    return following.islower() or bool(_ABBREVIATION.search(before))


def _bounded(sentence: str) -> Iterator[str]:
    start = 0
    while len(sentence) - start > LONGEST:
        window = sentence[start : start + LONGEST]
        pauses = [found.end() for found in _PAUSE.finditer(window, LONGEST // 2)] or [
            found.end() for found in _SPACE.finditer(window, LONGEST // 4)
        ]
        end = pauses[-1] if pauses else _between_letters(window)
        if piece := window[:end].strip():
            yield piece
        start += end
    if piece := sentence[start:].strip():
        yield piece


def _between_letters(window: str) -> int:
    """The last place before which no letter loses its accents or vowel signs."""
    end = len(window) - 1
    while end > len(window) // 2 and unicodedata.category(window[end]).startswith("M"):
        end -= 1
    return end

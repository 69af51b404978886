"""What a synthesizer is to say: a text cut into lines, each of which is spoken and stored on its own."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace

from antiphon.engines.ports import Sound
from antiphon.platform.errors import EngineError

LONGEST_PAUSE, ALL_PAUSES = 60.0, 3600.0
"""Seconds: of one pause, and of all of a text."""
SLOWEST, FASTEST = 0.25, 4.0
MOST_WARNINGS = 20
MOST_PHONEMES = 200
"""Of one word; no engine takes any number of them at once."""


@dataclass(frozen=True)
class Say:
    """A stretch of text in one voice. voice: None for that of the request; rate: a factor of the request's speed; sounds: in order, apart."""

    text: str
    voice: str | None = None
    rate: float = 1.0
    sounds: tuple[Sound, ...] = ()


@dataclass(frozen=True)
class Pause:
    seconds: float


@dataclass(frozen=True)
class Line:
    """One sentence, or a part of one, in one voice. before, after: seconds of silence."""

    text: str
    voice: str
    speed: float = 1.0
    sounds: tuple[Sound, ...] = ()
    before: float = 0.0
    after: float = 0.0


@dataclass
class Reading:
    """A text being read, whatever it is written in. ``knows``: whether there is such a voice."""

    knows: Callable[[str], bool]
    pieces: list[Say | Pause] = field(default_factory=list)
    warnings: dict[str, None] = field(default_factory=dict)
    voice: str | None = None
    rate: float = 1.0
    _sounds: list[Sound] = field(default_factory=list)
    _kept: list[str] = field(default_factory=list)
    _at: int = 0

    def say(self, text: str, phonemes: str | None = None) -> None:
        if phonemes and len(phonemes) > MOST_PHONEMES:
            self.warn(f"The phonemes of {text[:40]!r} were not used; there may be {MOST_PHONEMES} of one word.")
        elif phonemes and text.strip():
            self._sounds.append(Sound(self._at, self._at + len(text), phonemes))
        self._kept.append(text)
        self._at += len(text)

    def pause(self, seconds: float) -> None:
        if seconds > LONGEST_PAUSE:
            self.warn(f"A pause of {seconds:g} s was shortened to {LONGEST_PAUSE:g} s.")
        self.close()
        self.pieces.append(Pause(min(seconds, LONGEST_PAUSE)))

    def speak_as(self, voice: str | None, rate: float) -> None:
        """What follows is in this voice and at this rate."""
        if (voice, rate) != (self.voice, self.rate):
            self.close()
            self.voice, self.rate = voice, rate

    def warn(self, sentence: str) -> None:
        if len(self.warnings) < MOST_WARNINGS:
            self.warnings[sentence] = None

    def close(self) -> None:
        text = "".join(self._kept)
        if text.strip():
            self.pieces.append(Say(text, self.voice, self.rate, tuple(self._sounds)))
        self._kept, self._sounds, self._at = [], [], 0

    @property
    def text(self) -> str:
        return "\n\n".join(piece.text for piece in self.pieces if isinstance(piece, Say))


def lines(reading: Reading, split: Callable[[str], Sequence[str]], *, voice: str, speed: float) -> tuple[Line, ...]:
    """The text in the order in which it is said, pauses with the line that they come before (the last with the one that they come after).

    split: into sentences that are stretches of the text. Raises EngineError ``pauses_too_long``.
    """
    found: list[Line] = []
    silence = whole = 0.0
    for piece in reading.pieces:
        if isinstance(piece, Pause):
            silence, whole = min(LONGEST_PAUSE, silence + piece.seconds), whole + piece.seconds
            continue
        wanted = speed * piece.rate
        kept = min(FASTEST, max(SLOWEST, wanted))
        if kept != wanted:
            reading.warn(f"A speed of {wanted:g} was brought to {kept:g}.")
        for text, sounds in _sentences(piece, split, reading):
            found.append(Line(text, piece.voice or voice, kept, sounds, silence))
            silence = 0.0
    if whole > ALL_PAUSES:
        raise EngineError(
            f"The pauses of this text last {whole:,.0f} s; at most {ALL_PAUSES:,.0f} are made.", code="pauses_too_long"
        )
    if silence and found:
        found[-1] = replace(found[-1], after=silence)
    return tuple(found)


def _sentences(
    piece: Say, split: Callable[[str], Sequence[str]], reading: Reading
) -> Iterator[tuple[str, tuple[Sound, ...]]]:
    if not piece.sounds:
        yield from ((sentence, ()) for sentence in split(piece.text))
        return
    masked, at = piece.text, 0
    for sound in piece.sounds:  # no sentence ends within a sound
        inside = "".join(c if c.isalnum() else "x" for c in masked[sound.start : sound.end])
        masked = masked[: sound.start] + inside + masked[sound.end :]
    for sentence in split(masked):
        start = masked.index(sentence, at)
        at = start + len(sentence)
        kept = []
        for sound in piece.sounds:
            if start <= sound.start and sound.end <= at:
                kept.append(replace(sound, start=sound.start - start, end=sound.end - start))
            elif start < sound.end and sound.start < at:  # in a word of many hundred letters, which had to be cut
                reading.warn(f"The phonemes of {piece.text[sound.start : sound.end][:40]!r} were not used.")
        yield piece.text[start:at], tuple(kept)


def digest(line: Line, engine: str, language: str | None) -> str:
    """The same for all that sounds the same. engine: with its version."""
    return _sha([asdict(line), engine, language])


def digest_of_all(digests: Iterable[str]) -> str:
    return _sha(list(digests))


def _sha(data: object) -> str:
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()

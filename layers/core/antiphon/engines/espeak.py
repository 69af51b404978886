"""Text to speech without any download: espeak-ng from the espeakng-loader wheel (GPL-3; it stays in a process of its own)."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from antiphon.engines import sentences
from antiphon.engines.child import Child
from antiphon.engines.offline import installed
from antiphon.engines.ports import Sound, Spoken, Voice, Word
from antiphon.engines.stretches import stretches
from antiphon.engines.voices import catalogue, espeak_name, known_mix, nearest
from antiphon.platform.errors import EngineError

_UNSPACED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")
"""Scripts that put no space between words."""


class Espeak:
    """Synthesizer. Speaks its own voices, and Kokoro's by its nearest one, so that a request works with either engine."""

    sample_rate = 22_050

    def __init__(self, *, patience: float = 60.0) -> None:
        self.name = f"espeak-ng 1.52 (espeakng-loader {installed('espeak', 'espeakng-loader')})"
        self._child = Child("antiphon.engines.espeak_child", patience=patience)
        self._own = {voice.id: voice for voice in catalogue("espeak")}
        self._others = {voice.id: voice for voice in catalogue("kokoro")}

    def warm_up(self) -> None:
        rate = self._child.ask({})[0]["rate"]
        if rate != self.sample_rate:
            raise EngineError(
                f"espeak-ng speaks at {rate} Hz, not at {self.sample_rate}; install espeakng-loader 0.2.4"
            )

    @property
    def speaker_pid(self) -> int | None:
        return self._child.pid

    def close(self) -> None:
        self._child.close()

    def unmet(self, voice: str, language: str | None) -> tuple[str, ...]:
        """Raises EngineError (``unknown_voice``) as ``speak`` does."""
        asked, used = self._resolve(voice)
        said = []
        if used.id != voice:
            said.append(f"{self.name} has no voice {voice}; its nearest, {used.id} ({used.name}), was used.")
        if used.language.split("-")[0] != asked.language.split("-")[0]:
            said.append(f"{self.name} has no voice for {asked.language}.")
        if language and language.split("-")[0].lower() != used.language.split("-")[0]:
            said.append(f"The voice {used.id} speaks {used.language}; the language {language} was not used.")
        return tuple(said)

    def split(self, text: str, language: str | None) -> Sequence[str]:
        return sentences.split(text)

    def speak(
        self,
        sentence: str,
        *,
        voice: str,
        speed: float = 1.0,
        language: str | None = None,
        sounds: Sequence[Sound] = (),
    ) -> Spoken:
        """Whatever has no word in the voice's language it names letter by letter, so that all is heard; phonemes it cannot take."""
        if not 0.25 <= speed <= 4:
            raise EngineError(f"The speed must be from 0.25 to 4, not {speed:g}")
        if not sentence.strip():
            raise EngineError("There is nothing to say", code="text_empty")
        _, used = self._resolve(voice)
        text = sentences.speakable(sentence)
        asked = {"voice": espeak_name(used.id), "speed": speed}
        said, marks, at = b"", [], 0
        for stretch in stretches(text, used.language):
            head, pcm = self._child.ask({"text": stretch, **asked})
            seconds = len(said) / 2 / self.sample_rate
            marks += [(at + place, seconds + second) for place, second in head["marks"]]
            said, at = said + pcm, at + len(stretch)
        samples = np.frombuffer(said, "<i2").astype(np.int16)
        if not len(samples):  # nothing in it is ever said, e.g. "—": a short pause
            samples = np.zeros(self.sample_rate // 10, np.int16)
        unsaid = tuple(
            f"espeak-ng takes no phonemes: {sentence[s.start : s.end]!r} was said as it is written." for s in sounds
        )
        words = _words(text, marks, len(samples) / self.sample_rate)
        return Spoken(sentence, samples, words, unsaid)

    def _resolve(self, voice: str) -> tuple[Voice, Voice]:
        """The voice that was asked for (of a mix, the one with most weight) and ours that speaks."""
        mix = known_mix(voice, {**self._own, **self._others}, "espeak")
        heaviest = max(mix, key=lambda part: part[1])[0]
        if heaviest in self._own:
            return self._own[heaviest], self._own[heaviest]
        asked = self._others[heaviest]
        return asked, nearest(asked, tuple(self._own.values()))


def _words(text: str, marks: list[tuple[int, float]], duration: float) -> tuple[Word, ...]:
    """Every word of the text with its time.

    espeak marks most words once, numbers several times, and runs some small words together ("of the"): a word without a mark of its
    own shares the time of the word before it, by length.
    """
    starts: dict[int, float] = dict(reversed(marks))
    spans = _spans(text, sorted(starts))
    if not spans:
        return ()
    firsts = [min((second for at, second in starts.items() if low <= at < high), default=None) for low, high in spans]
    times, known = [0.0] * len(spans), [i for i, first in enumerate(firsts) if first is not None or i == 0]
    for here, after in zip(known, [*known[1:], len(spans)], strict=True):
        begin = firsts[here] or 0.0
        finish = duration if after == len(spans) else firsts[after] or 0.0
        letters = spans[after - 1][1] - spans[here][0]
        for i in range(here, after):
            times[i] = begin + (finish - begin) * (spans[i][0] - spans[here][0]) / letters
    for i in range(1, len(times)):  # at high speed the marks of neighbours may cross by some milliseconds
        times[i] = min(duration, max(times[i], times[i - 1]))
    return tuple(
        Word(text[low:high], round(start, 3), round(end, 3))
        for (low, high), start, end in zip(spans, times, [*times[1:], duration], strict=True)
    )


def _spans(text: str, marks: Sequence[int]) -> list[tuple[int, int]]:
    """(start, end) of each word: what stands between spaces; in a script without spaces, from mark to mark."""
    spans: list[tuple[int, int]] = []
    for found in re.finditer(r"\S+", text):
        low, high = found.span()
        inner = [at for at in marks if low < at < high] if _UNSPACED.search(found.group()) else []
        spans += zip([low, *inner], [*inner, high], strict=True)
    return [(low, high) for low, high in spans if any(map(str.isalnum, text[low:high]))]

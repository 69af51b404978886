"""Text to speech by Kokoro: sentence to phonemes by misaki, phonemes to 24 kHz audio by the model."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Sequence
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from antiphon.engines import sentences
from antiphon.engines.offline import installed, require_files, require_offline
from antiphon.engines.ports import Spoken, Word
from antiphon.engines.voices import known_mix, kokoro_language
from antiphon.platform.errors import EngineError

if TYPE_CHECKING:
    from numpy.typing import NDArray

_FRAME_SECONDS = 0.025
_MOST_PHONEMES = 510
_SLOWEST, _FASTEST = 0.5, 2.0
"""Beyond these its durations fall apart: no phoneme is shorter than a frame. The rest is done to the finished audio."""

Timed = tuple[str, float, float]
"""A word and when it is said, in seconds."""


class Kokoro:
    """Synthesizer. model_dir: ``config.json``, one ``*.pth`` and ``voices/*.pt`` as published. device: ``cpu`` or ``cuda``."""

    sample_rate = 24_000

    def __init__(self, *, model_dir: str | Path, device: str = "cpu", threads: int = 4) -> None:
        self.name = f"kokoro {installed('kokoro', 'kokoro')}"
        self._folder, self._device, self._threads = Path(model_dir), device, threads
        self._model: Any = None
        self._pipelines: dict[str, Any] = {}
        self._packs: dict[str, Any] = {}
        self._lock = threading.RLock()

    def warm_up(self) -> None:
        with self._lock:
            self._pipeline("a")

    def unmet(self, voice: str, language: str | None) -> tuple[str, ...]:
        """Raises EngineError (``unknown_voice``) as ``speak`` does."""
        spoken = kokoro_language(self._leading(self._mix(voice)))
        if not language or language.lower().split("-")[0] == spoken.split("-")[0]:
            return ()
        return (f"The voice {voice} speaks {spoken}; the language {language} was not used.",)

    def split(self, text: str, language: str | None) -> Sequence[str]:
        return sentences.split(text)

    def speak(self, sentence: str, *, voice: str, speed: float = 1.0, language: str | None = None) -> Spoken:
        if not 0.25 <= speed <= 4:
            raise EngineError(f"The speed must be from 0.25 to 4, not {speed:g}")
        text = sentences.speakable(sentence)
        if not sentence.strip():
            raise EngineError("There is nothing to say", code="text_empty")
        mix = self._mix(voice)
        own = min(_FASTEST, max(_SLOWEST, speed))
        with self._lock:
            try:
                samples, timed = self._say(text, mix, own)
            except RuntimeError as error:  # what torch raises, e.g. when the GPU is out of memory
                raise EngineError(f"{self.name} failed: {error}", retryable=True) from error
        if own != speed:
            from antiphon.engines.tempo import retimed

            samples = retimed(samples, self.sample_rate, speed / own)
            timed = [(word, start * own / speed, end * own / speed) for word, start, end in timed]
        duration = len(samples) / self.sample_rate
        return Spoken(sentence, samples, tuple(_ordered(timed, duration)))

    def _say(
        self, text: str, mix: tuple[tuple[str, float], ...], speed: float
    ) -> tuple[NDArray[np.int16], list[Timed]]:
        import torch

        pipeline, pack = self._pipeline(self._leading(mix)[0]), self._pack(mix)
        parts, timed, at = [], [], 0.0
        # The voice's breath is random. With a seed the same sentence is the same samples, whoever speaks it again.
        with torch.random.fork_rng():
            torch.manual_seed(0)
            for words, phonemes in _phonemes(pipeline, text):
                for result in pipeline.generate_from_tokens(phonemes, voice=pack, speed=speed):
                    if result.audio is None:
                        continue
                    audio = np.clip(np.nan_to_num(result.audio.numpy()), -1.0, 1.0)
                    parts.append(np.round(audio * 32767.0).astype(np.int16))
                    spans = (
                        _token_spans(result.tokens) if result.tokens else _spread(words, result, pipeline.model.vocab)
                    )
                    timed += [(word, at + start, at + end) for word, start, end in spans]
                    at += len(audio) / self.sample_rate
        if not parts:  # nothing in it is ever said, e.g. "—": a short pause
            return np.zeros(self.sample_rate // 10, np.int16), []
        return np.concatenate(parts), timed

    def _mix(self, voice: str) -> tuple[tuple[str, float], ...]:
        return known_mix(voice, {path.stem for path in (self._folder / "voices").glob("*.pt")}, self.name)

    def _leading(self, mix: tuple[tuple[str, float], ...]) -> str:
        return max(mix, key=lambda part: part[1])[0]

    def _pack(self, mix: tuple[tuple[str, float], ...]) -> Any:
        """The style of a voice or of a mix of them: float32, shape (510, 1, 256)."""
        import torch

        for voice, _ in mix:
            if voice not in self._packs:
                path = self._folder / "voices" / f"{voice}.pt"
                self._packs[voice] = torch.load(path, map_location="cpu", weights_only=True).float()
        return sum(self._packs[voice] * weight for voice, weight in mix)

    def _pipeline(self, code: str) -> Any:
        """Of a language, by Kokoro's letter for it."""
        model = self._loaded()
        if code not in self._pipelines:
            from antiphon.engines.kokoro_g2p import make_pipeline

            self._pipelines[code] = make_pipeline(model, code)
        return self._pipelines[code]

    def _loaded(self) -> Any:
        if self._model is None:
            require_files(self.name, self._folder, ("config.json", "*.pth", "voices/*.pt"))
            require_offline(self.name)
            import torch
            from kokoro import KModel

            torch.set_num_threads(self._threads)
            try:
                model = KModel(
                    repo_id=str(self._folder),
                    config=str(self._folder / "config.json"),
                    model=str(sorted(self._folder.glob("*.pth"))[0]),
                )
                self._model = model.to(self._device).eval()
            except (RuntimeError, KeyError, ValueError) as error:
                raise EngineError(f"{self.name} cannot load {self._folder}: {error}") from error
        return self._model


def _phonemes(pipeline: Any, text: str) -> Iterable[tuple[list[str], Any]]:
    """The text in parts that the model can take at once: their words, and tokens (English) or a string of phonemes."""
    if pipeline.lang_code in "ab":
        # English tokens are packed by the pipeline itself, which cuts a single token that is too long: digits by the dozen are.
        yield [], pipeline.g2p(re.sub(r"(\S{32})(?=\S)", r"\1 ", text))[1]
        return
    phonemes = pipeline.g2p(text)[0]
    words = text.split()
    if len(phonemes) <= _MOST_PHONEMES:
        if phonemes:
            yield words, phonemes
        return
    if len(words) > 1:
        halves = [" ".join(words[: len(words) // 2]), " ".join(words[len(words) // 2 :])]
    else:
        halves = [text[: len(text) // 2], text[len(text) // 2 :]]
    for half in halves:
        yield from _phonemes(pipeline, half)


def _token_spans(tokens: Iterable[Any]) -> list[Timed]:
    """Words as they stand between spaces, from misaki's tokens, of which punctuation and some symbols have no time."""
    spans: list[Timed] = []
    text, times = "", []
    for token in tokens:
        text += token.text
        times += [time for time in (token.start_ts, token.end_ts) if time is not None]
        if token.whitespace:
            spans.append((text, *_bounds(times, spans)))
            text, times = "", []
    if text:
        spans.append((text, *_bounds(times, spans)))
    return [span for span in spans if any(map(str.isalnum, span[0]))]


def _bounds(times: list[float], spans: list[Timed]) -> tuple[float, float]:
    if times:
        return min(times), max(times)
    after = spans[-1][2] if spans else 0.0
    return after, after


def _spread(words: list[str], result: Any, vocab: dict[str, int]) -> list[Timed]:
    """Words with times where the phonemes carry no tokens: between the spaces of the phonemes when there are as many parts as words,
    else by their length."""
    words = [word for word in words if any(map(str.isalnum, word))]
    if not words:
        return []
    frames = [int(frame) for frame in result.pred_dur]
    known = [phoneme for phoneme in result.phonemes if phoneme in vocab]
    ends = [frame * _FRAME_SECONDS for frame in accumulate(frames)]
    parts: list[tuple[float, float]] = []
    start: float | None = None
    for at, phoneme in enumerate(known):
        if phoneme == " ":
            if start is not None:
                parts.append((start, ends[at]))
            start = None
        elif start is None:
            start = ends[at]
    if start is not None:
        parts.append((start, ends[len(known)]))
    if len(parts) == len(words):
        return [(word, *part) for word, part in zip(words, parts, strict=True)]
    low, high = (parts[0][0], parts[-1][1]) if parts else (0.0, ends[-1])
    marks = [0, *accumulate(map(len, words))]
    step = (high - low) / marks[-1]
    return [
        (word, low + step * begin, low + step * finish)
        for word, begin, finish in zip(words, marks, marks[1:], strict=False)
    ]


def _ordered(timed: Iterable[Timed], duration: float) -> Iterable[Word]:
    at = 0.0
    for word, start, end in timed:
        low = min(max(start, at), duration)
        at = min(max(end, low), duration)
        yield Word(word, round(low, 3), round(at, 3))

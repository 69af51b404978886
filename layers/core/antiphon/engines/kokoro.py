"""Text to speech by Kokoro: sentence to phonemes by misaki, phonemes to 24 kHz audio by the model."""

from __future__ import annotations

import pickle
import re
import threading
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from antiphon.engines import sentences
from antiphon.engines.offline import installed, require_files, require_offline, require_weights
from antiphon.engines.ports import Sound, Spoken, Word
from antiphon.engines.stretches import cut_runs, stretches
from antiphon.engines.voices import known_mix, kokoro_language
from antiphon.platform.errors import EngineError

if TYPE_CHECKING:
    from numpy.typing import NDArray

_FRAME_SECONDS = 0.025
_MOST_PHONEMES = 510
_BROKEN = (
    RuntimeError,
    LookupError,
    ValueError,
    AssertionError,
    AttributeError,
    EOFError,
    OSError,
    pickle.UnpicklingError,
)
"""What loading a file raises that is cut off, or something else than it should be."""
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
            for path in sorted((self._folder / "voices").glob("*.pt")):  # 0.5 MB each
                self._style(path.stem)

    def unmet(self, voice: str, language: str | None) -> tuple[str, ...]:
        """Raises EngineError (``unknown_voice``) as ``speak`` does."""
        spoken = kokoro_language(self._leading(self._mix(voice)))
        if not language or language.lower().split("-")[0] == spoken.split("-")[0]:
            return ()
        return (f"The voice {voice} speaks {spoken}; the language {language} was not used.",)

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
        if not 0.25 <= speed <= 4:
            raise EngineError(f"The speed must be from 0.25 to 4, not {speed:g}")
        text = sentences.speakable(sentence)
        if not sentence.strip():
            raise EngineError("There is nothing to say", code="text_empty")
        mix = self._mix(voice)
        own = min(_FASTEST, max(_SLOWEST, speed))
        with self._lock:
            try:
                samples, timed, unsaid = self._say(text, sounds, mix, own)
            except RuntimeError as error:  # what torch raises, e.g. when the GPU is out of memory
                raise EngineError(f"{self.name} failed: {error}", retryable=True) from error
        if own != speed:
            from antiphon.engines.tempo import retimed

            samples = retimed(samples, self.sample_rate, speed / own)
            timed = [(word, start * own / speed, end * own / speed) for word, start, end in timed]
        duration = len(samples) / self.sample_rate
        return Spoken(sentence, samples, tuple(_ordered(timed, duration)), tuple(dict.fromkeys(unsaid)))

    def _say(
        self, text: str, sounds: Sequence[Sound], mix: tuple[tuple[str, float], ...], speed: float
    ) -> tuple[NDArray[np.int16], list[Timed], list[str]]:
        import torch

        pipeline, pack = self._pipeline(self._leading(mix)[0]), self._pack(mix)
        known = pipeline.model.vocab
        parts, timed, unsaid, at = [], [], [], 0.0
        for sound in sounds:
            strange = "".join(dict.fromkeys(c for c in sound.phonemes if c not in known))
            if strange:
                unsaid.append(f"{self.name} has no sound for {strange!r} in the phonemes {sound.phonemes!r}.")
        # The times of words are counted in the phonemes that the model knows. A word of whose phonemes it knows none is said as it is written.
        given = [replace(s, phonemes="".join(c for c in s.phonemes if c in known).strip()) for s in sounds]
        sounds = [sound for sound in given if sound.phonemes]
        # The voice's breath is random. With a seed the same sentence is the same samples, whoever speaks it again.
        with torch.random.fork_rng():
            torch.manual_seed(0)
            for words, phonemes in _phonemes(pipeline, text, sounds):
                unsaid += [
                    f"{self.name} has no sound for {word[:40]!r}." for word in _silent(pipeline, words, phonemes)
                ]
                for result in pipeline.generate_from_tokens(phonemes, voice=pack, speed=speed) if phonemes else ():
                    if result.audio is None:
                        continue
                    audio = np.clip(np.nan_to_num(result.audio.numpy()), -1.0, 1.0)
                    parts.append(np.round(audio * 32767.0).astype(np.int16))
                    spans = _token_spans(result.tokens) if result.tokens else _spread(words, result, known)
                    timed += [(word, at + start, at + end) for word, start, end in spans]
                    at += len(audio) / self.sample_rate
        if not parts:  # nothing in it is ever said, e.g. "—": a short pause
            return np.zeros(self.sample_rate // 10, np.int16), [], unsaid
        return np.concatenate(parts), timed, unsaid

    def _mix(self, voice: str) -> tuple[tuple[str, float], ...]:
        return known_mix(voice, {path.stem for path in (self._folder / "voices").glob("*.pt")}, self.name)

    def _leading(self, mix: tuple[tuple[str, float], ...]) -> str:
        return max(mix, key=lambda part: part[1])[0]

    def _pack(self, mix: tuple[tuple[str, float], ...]) -> Any:
        """The style of a voice or of a mix of them: float32, shape (510, 1, 256)."""
        return sum(self._style(voice) * weight for voice, weight in mix)

    def _style(self, voice: str) -> Any:
        import torch

        if voice not in self._packs:
            path = self._folder / "voices" / f"{voice}.pt"
            try:
                self._packs[voice] = torch.load(path, map_location="cpu", weights_only=True).float()
            except _BROKEN as error:
                raise EngineError(f"{self.name} cannot load {path}: {error}") from error
        return self._packs[voice]

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
            weights = sorted(self._folder.glob("*.pth"))[0]
            try:
                model = KModel(repo_id=str(self._folder), config=str(self._folder / "config.json"), model=str(weights))
                missing, model = _missing(model, weights), model.to(self._device).eval()
            except _BROKEN as error:
                raise EngineError(f"{self.name} cannot load {weights}: {error}") from error
            require_weights(self.name, weights, missing)
            self._model = model
        return self._model


def _missing(model: Any, weights: Path) -> set[str]:
    """What of the model the file does not give.

    Published files are without the scales of instance norms: the package has them for ONNX alone, and they are 1 and 0
    (hexgrad/kokoro#175). All their names begin with ``module.``, which KModel cuts off.
    """
    import torch

    kept = torch.load(weights, map_location="cpu", weights_only=True)
    given = {f"{part}.{name.removeprefix('module.')}" for part, tensors in kept.items() for name in tensors}
    norms = {name for name, module in model.named_modules() if isinstance(module, torch.nn.InstanceNorm1d)}
    return {name for name in model.state_dict() if name not in given and name.rpartition(".")[0] not in norms}


def _phonemes(pipeline: Any, text: str, sounds: Sequence[Sound]) -> Iterable[tuple[list[str], Any]]:
    """The text in parts that the model can take at once: their words, and tokens (English) or a string of phonemes."""
    if pipeline.lang_code in "ab":
        # English tokens are packed by the pipeline itself, which cuts a single token that is too long: digits by the dozen are.
        yield [], pipeline.g2p(text, preprocess=lambda _: _marked(text, sounds))[1]
        return
    phonemes = _with_sounds(pipeline, text, sounds)
    words = text.split()
    if len(phonemes) <= _MOST_PHONEMES:
        yield words, phonemes
        return
    half = text.rfind(" ", 0, len(text) // 2 + 1) if len(words) > 1 else len(text) // 2
    half = half if half > 0 else text.find(" ") if " " in text else len(text) // 2
    half = next((sound.end for sound in sounds if sound.start < half < sound.end), half)
    if half >= len(text):  # one word whose given phonemes alone are too many
        yield words, phonemes[:_MOST_PHONEMES]
        return
    yield from _phonemes(pipeline, text[:half], [sound for sound in sounds if sound.end <= half])
    rest = [replace(sound, start=sound.start - half, end=sound.end - half) for sound in sounds if sound.start >= half]
    yield from _phonemes(pipeline, text[half:], rest)


def _marked(text: str, sounds: Sequence[Sound]) -> tuple[str, list[str], dict[int, str]]:
    """What misaki makes of its own markup: the text, its words, and phonemes by the number of their word."""
    whole, words, given, at = "", [], {}, 0
    for sound in sounds:
        between = _loosened(text[at : sound.start])
        words += between.split()
        given[len(words)] = f"/{sound.phonemes}"
        words.append(text[sound.start : sound.end])
        whole, at = f"{whole}{between}{text[sound.start : sound.end]}", sound.end
    words += _loosened(text[at:]).split()
    whole += _loosened(text[at:])
    return whole, words, given


def _loosened(text: str) -> str:
    """With a space in each run that espeak-ng, which misaki asks for unknown words, would not say to its end."""
    return " ".join(cut_runs(text, "en"))


def _with_sounds(pipeline: Any, text: str, sounds: Sequence[Sound]) -> str:
    parts, at = [], 0
    for sound in sounds:
        parts += [_said(pipeline, text[at : sound.start]), sound.phonemes]
        at = sound.end
    parts.append(_said(pipeline, text[at:]))
    return re.sub(r" (?=[;:,.!?…])", "", " ".join(part for part in parts if part))


def _said(pipeline: Any, text: str) -> str:
    if pipeline.lang_code in "jz":  # Japanese and Chinese have their own packages
        return pipeline.g2p(text)[0] if text.strip() else ""
    parts = stretches(text, "hi" if pipeline.lang_code == "h" else "en")
    return " ".join(filter(None, (pipeline.g2p(part)[0] for part in parts if part.strip())))


def _silent(pipeline: Any, words: list[str], phonemes: Any) -> list[str]:
    """What of the text has no sound at all, punctuation apart."""
    known = pipeline.model.vocab
    if not isinstance(phonemes, str):
        currency = "$£€" if any(c.isdigit() for token in phonemes for c in token.text) else ""  # said with the amount
        unheard = [token.text for token in phonemes if not any(p in known for p in token.phonemes or "")]
        return [word for word in unheard if _meant(word) and word not in currency]
    # espeak-ng knows the letters of all scripts; of symbols, some have a name in some languages only.
    strange = [word for word in words if not word.isascii() and not any(map(str.isalpha, word)) and _meant(word)]
    return [word for word in strange if not any(p in known for p in _said(pipeline, word))]


def _meant(word: str) -> bool:
    return any(c.isalnum() or unicodedata.category(c) in ("So", "Sm", "Sc") for c in word)


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

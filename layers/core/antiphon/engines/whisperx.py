"""Speech to text by WhisperX: voice activity detection, Whisper in batches, forced alignment for the times of words.

The recording goes through in windows. Each is cut where speech pauses, so that no word is split, and depends on nothing before it.
"""

from __future__ import annotations

import contextlib
import math
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from antiphon.engines.gpu import is_out_of_memory
from antiphon.engines.offline import installed, require_files, require_offline
from antiphon.engines.ports import SAMPLE_RATE, Segment, TranscribedChunk, TranscriptionOptions
from antiphon.engines.recording import Recording
from antiphon.engines.shelf import Shelf
from antiphon.engines.whisperx_align import WhisperXAligner
from antiphon.platform.errors import EngineError

if TYPE_CHECKING:
    from numpy.typing import NDArray

_ONSET_SECONDS = 0.5
_SHORTEST = SAMPLE_RATE // 10
"""Samples below which there is nothing to find, and for which the detector has no frame."""
_BEAM = {"beam_size": 5, "best_of": 5, "patience": 1.0, "length_penalty": 1.0, "repetition_penalty": 1.0}
_LIMITS = {"compression_ratio_threshold": 2.4, "log_prob_threshold": -1.0, "no_speech_threshold": 0.6}
USUAL: Mapping[str, Any] = {**_BEAM, **_LIMITS, "no_repeat_ngram_size": 0, "prompt_reset_on_temperature": 0.5}
"""WhisperX's values of what may be chosen."""


@dataclass(frozen=True)
class _Asked:
    """One job's options, made out. ``piece``: seconds that Whisper hears at once; ``batch``: pieces of them, halved when the card is full."""

    options: TranscriptionOptions
    model: Path
    piece: float
    batch: int


class WhisperX:
    """Transcriber. A job without a language gets that of its first speech; resume it with the ``language`` of its last chunk.

    models: by their names, folders of Whispers in CTranslate2's format; the first is the default. align_dirs: ISO 639-1 → a wav2vec2 with its
    processor. device: ``cpu`` or ``cuda``. compute_type: None is float16 on cuda, float32 on cpu. piece: seconds that Whisper hears at once (at
    most 30). window: seconds that are looked at together, at least two pieces: batches are filled from it, and results come once per window.
    """

    def __init__(
        self,
        *,
        models: Mapping[str, str | Path],
        align_dirs: Mapping[str, str | Path] | None = None,
        device: str = "cpu",
        device_index: int = 0,
        compute_type: str | None = None,
        batch_size: int = 8,
        threads: int = 4,
        piece: float = 30.0,
        window: float = 120.0,
        shelf: Shelf | None = None,
    ) -> None:
        if not (0 < piece <= 30 and window >= 2 * piece):
            raise EngineError("A piece is at most 30 s and a window at least two pieces")
        if not models:
            raise EngineError("whisperx needs at least one model")
        self.name = f"whisperx {installed('whisperx', 'whisperx')}"
        self._folders = {name: Path(folder) for name, folder in models.items()}
        self._default = next(iter(self._folders))
        self._device, self._device_index, self._compute_type = device, device_index, compute_type
        self._batch_size, self._threads, self._piece, self._window = batch_size, threads, piece, window
        self._shelf = shelf or Shelf()
        self._detectors: dict[str, Any] = {}
        self._numerals: dict[Path, tuple[int, ...]] = {}
        self._lock = threading.RLock()
        on = f"{device}:{device_index}" if device == "cuda" else device
        self._on = on
        self.aligner = WhisperXAligner(align_dirs or {}, device=on, shelf=self._shelf)

    def warm_up(self) -> None:
        """All models, the default last, so that it is the one which stays where there is room for few."""
        with self._lock:
            for method in ("pyannote", "silero"):
                self._detector(method)
            self.aligner.warm_up()
            for folder in reversed(self._folders.values()):
                self._pipeline(folder)

    def unmet(self, options: TranscriptionOptions) -> tuple[str, ...]:
        language = _code(options.language)
        asked = {
            f"The models here are {', '.join(self._folders)}; {self._default} was used.": options.model is not None
            and options.model not in self._folders,
            "No alignment model for this language is configured; words have no times.": options.align
            and options.task == "transcribe"
            and language is not None
            and language not in self.aligner.languages,
            "A translation has no times of words; they are not aligned.": options.align
            and options.task == "translate"
            and options.return_char_alignments,
        }
        return tuple(f"{self.name}: {sentence}" for sentence, is_asked in asked.items() if is_asked)

    def transcribe(
        self, audio: Iterable[np.ndarray], options: TranscriptionOptions, *, offset: float = 0.0
    ) -> Iterator[TranscribedChunk]:
        folder = self._folders.get(options.model or self._default, self._folders[self._default])
        language = _code(options.language)
        if language and language not in self._pipeline(folder).model.supported_languages:
            raise EngineError(f"{self.name} does not understand {options.language!r}", code="unsupported_language")
        piece = min(self._piece, options.vad.chunk_size or self._piece)
        # What the text before says can only be known when it was heard: one piece after another.
        batch = 1 if options.condition_on_previous_text else options.batch_size or self._batch_size
        asked = _Asked(options, folder, piece, batch)
        return self._chunks(Recording(audio), asked, language, round(offset * SAMPLE_RATE))

    def _chunks(
        self, recording: Recording, asked: _Asked, language: str | None, position: int
    ) -> Iterator[TranscribedChunk]:
        detected = language is None
        while True:
            samples, is_last = recording.up_to(round(self._window * SAMPLE_RATE))
            with self._lock:
                end, regions = self._within_memory(self._cut, samples, asked, is_last)
                if regions and not language:
                    language = self._within_memory(self._language, samples, regions, asked)
                segments: tuple[Segment, ...] = ()
                if regions:
                    asked, segments = self._heard(samples[:end], regions, asked, language)
                began = time.perf_counter()
                segments, warnings = self._timed(segments, samples[:end], asked.options, language, detected=detected)
            yield TranscribedChunk(
                end=(position + end) / SAMPLE_RATE,
                segments=tuple(_moved(segment, position / SAMPLE_RATE) for segment in segments),
                language=language,
                warnings=warnings,
                align_seconds=time.perf_counter() - began if asked.options.align else 0.0,
            )
            if is_last:
                return
            recording.drop(end)
            position += end

    def _cut(self, samples: NDArray[np.float32], asked: _Asked, is_last: bool) -> tuple[int, list[tuple[float, float]]]:
        """How many samples belong to this chunk, and the speech in them in seconds. Speech that goes on at the end of the window is
        left for the next one."""
        regions = self._speech(samples, asked)
        if is_last:
            return len(samples), regions
        duration = len(samples) / SAMPLE_RATE
        if regions and regions[-1][1] > duration - _ONSET_SECONDS and regions[-1][0] > 0:
            (start, _) = regions.pop()
            end = start
        else:
            end = max(duration - _ONSET_SECONDS, regions[-1][1] if regions else 0.0)
        return min(len(samples), math.floor(end * SAMPLE_RATE)), regions

    def _speech(self, samples: NDArray[np.float32], asked: _Asked) -> list[tuple[float, float]]:
        if len(samples) < _SHORTEST:
            return []
        duration = len(samples) / SAMPLE_RATE
        found = self._detector(asked.options.vad.method or "pyannote")(samples, asked.options.vad, asked.piece)
        return [(max(0.0, start), min(duration, end)) for start, end in found if start < duration]

    def _language(self, samples: NDArray[np.float32], regions: list[tuple[float, float]], asked: _Asked) -> str:
        pipeline = self._pipeline(asked.model)
        if not pipeline.model.model.is_multilingual:
            return "en"
        first, last = (round(time * SAMPLE_RATE) for time in regions[0])
        found: str = pipeline.detect_language(samples[first:last])
        return found

    def _heard(
        self,
        samples: NDArray[np.float32],
        regions: list[tuple[float, float]],
        asked: _Asked,
        language: str | None,
    ) -> tuple[_Asked, tuple[Segment, ...]]:
        """The text in this window, times in seconds from its first sample; and the options with the batch that the card could hold."""
        while True:
            try:
                heard = self._hear(samples, regions, asked, language)
            except RuntimeError as error:
                if not is_out_of_memory(error):
                    raise EngineError(f"{self.name} failed: {error}", retryable=True) from error
                asked = self._smaller(asked, error)
                continue
            return asked, tuple(_segments(heard, len(samples) / SAMPLE_RATE))

    def _smaller(self, asked: _Asked, error: BaseException) -> _Asked:
        """Half the batch; then only the one model on the card. Raises EngineError when nothing is left to be made smaller."""
        if asked.batch > 1:
            self._shelf.clear(keep=("whisper", asked.model))
            return replace(asked, batch=asked.batch // 2)
        if self._shelf.clear(keep=("whisper", asked.model)):
            return asked
        raise _full(self.name) from error

    def _within_memory(self, work: Any, *given: Any) -> Any:
        """Once more with all other models let go of, where the card was full. Raises EngineError."""
        try:
            return work(*given)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise EngineError(f"{self.name} failed: {error}", retryable=True) from error
            self._shelf.clear()
        try:
            return work(*given)
        except RuntimeError as error:
            raise _full(self.name) from error

    def _hear(
        self,
        samples: NDArray[np.float32],
        regions: list[tuple[float, float]],
        asked: _Asked,
        language: str | None,
    ) -> list[dict[str, Any]]:
        """WhisperX's segments, times in seconds from the first sample."""
        pipeline, options = self._pipeline(asked.model), asked.options
        pipeline.vad_model.regions = regions
        usual = pipeline.options
        pipeline.options = replace(usual, **self._searched(options, usual, asked.model))
        pipeline.model.previous = [] if options.condition_on_previous_text else None
        try:
            heard: list[dict[str, Any]] = pipeline.transcribe(
                samples, batch_size=asked.batch, language=language, task=options.task, chunk_size=asked.piece
            )["segments"]
        finally:
            pipeline.options = usual
        return heard

    def _searched(self, options: TranscriptionOptions, usual: Any, model: Path) -> dict[str, Any]:
        """How to look for the text, as faster-whisper takes it."""
        chosen = {name: getattr(options, name) for name in USUAL}
        suppressed = list(usual.suppress_tokens if options.suppress_tokens is None else options.suppress_tokens)
        if options.suppress_numerals:
            suppressed = sorted({*suppressed, *self._numerals_of(model)})
        temperature = options.temperature
        return {
            **{name: USUAL[name] if value is None else value for name, value in chosen.items()},
            "temperatures": list(temperature) if isinstance(temperature, Sequence) else [temperature or 0.0],
            "initial_prompt": options.initial_prompt,
            "hotwords": options.hotwords,
            "suppress_tokens": suppressed,
            "condition_on_previous_text": bool(options.condition_on_previous_text),
        }

    def _numerals_of(self, model: Path) -> tuple[int, ...]:
        """Tokens with digits and signs of money; WhisperX looks through the whole vocabulary for them, so once is enough."""
        if model not in self._numerals:
            from faster_whisper.tokenizer import Tokenizer
            from whisperx.asr import find_numeral_symbol_tokens

            whisper = self._pipeline(model).model
            tokenizer = Tokenizer(whisper.hf_tokenizer, whisper.model.is_multilingual, task="transcribe", language="en")
            self._numerals[model] = tuple(find_numeral_symbol_tokens(tokenizer))
        return self._numerals[model]

    def _timed(
        self,
        heard: tuple[Segment, ...],
        samples: NDArray[np.float32],
        options: TranscriptionOptions,
        language: str | None,
        *,
        detected: bool,
    ) -> tuple[tuple[Segment, ...], tuple[str, ...]]:
        """The segments with times of their words, where there is a model for the language; else a warning, if `unmet` could not give it."""
        if not (heard and options.align and options.task == "transcribe" and language):
            return heard, ()
        if language not in self.aligner.languages:
            sentence = (
                f"{self.name}: No alignment model for {language}, which is spoken, is configured; words have no times."
            )
            return heard, (sentence,) if detected else ()
        aligned: tuple[Segment, ...] = self._within_memory(self.aligner.align, heard, samples, language, options)
        return aligned, ()

    def _detector(self, method: str) -> Any:
        if method not in self._detectors:
            require_offline(self.name)
            from antiphon.engines import whisperx_vad

            _without_telemetry()
            with _loading(self.name, f"the {method} detector of speech in its package"):
                self._detectors[method] = (
                    whisperx_vad.silero() if method == "silero" else whisperx_vad.pyannote(self._on)
                )
        return self._detectors[method]

    def _pipeline(self, folder: Path) -> Any:
        return self._shelf.get(("whisper", folder), lambda: self._load(folder))

    def _load(self, folder: Path) -> Any:
        require_files(self.name, folder, ("model.bin", "config.json", "tokenizer.json", "vocabulary.*"))
        require_offline(self.name)
        import whisperx

        from antiphon.engines.whisperx_search import Search
        from antiphon.engines.whisperx_vad import FoundSpeech

        where = {"device": self._device, "device_index": self._device_index}
        compute_type = self._compute_type or ("float16" if self._device == "cuda" else "float32")
        # It prints to stdout, which is for log lines.
        with _loading(self.name, folder), contextlib.redirect_stdout(sys.stderr):
            model = Search(
                str(folder), compute_type=compute_type, cpu_threads=self._threads, local_files_only=True, **where
            )
            return whisperx.load_model(
                str(folder), **where, compute_type=compute_type, model=model, vad_model=FoundSpeech()
            )


@contextlib.contextmanager
def _loading(name: str, what: object) -> Iterator[None]:
    """Whatever a library raises over a damaged file, as one sentence that names it. A full card is the caller's."""
    try:
        yield
    except Exception as error:
        if is_out_of_memory(error):
            raise
        raise EngineError(f"{name} cannot load {what}: {error}") from error


def _without_telemetry() -> None:
    from pyannote.audio.telemetry import set_telemetry_metrics

    set_telemetry_metrics(False)  # else it tells its makers the length of every recording


def _full(name: str) -> EngineError:
    return EngineError(
        f"{name} has too little memory on its card even for one piece of speech at a time",
        code="gpu_out_of_memory",
        retryable=True,
    )


def _code(language: str | None) -> str | None:
    return language.lower().split("-")[0] if language else None


def _segments(heard: Iterable[Mapping[str, Any]], end: float) -> Iterator[Segment]:
    """WhisperX's segments as ours: in order, and none beyond the chunk."""
    floor = 0.0
    for segment in heard:
        text = segment["text"].strip()
        if not text:
            continue
        start = min(max(segment["start"], floor), end)
        stop = min(max(segment["end"], start), max(start, end))
        likely = segment.get("avg_logprob")
        confidence = None if likely is None else round(min(1.0, math.exp(likely)), 4)
        yield Segment(round(start, 3), round(max(stop, start + 0.001), 3), text, confidence=confidence)
        floor = stop


def _moved(segment: Segment, by: float) -> Segment:
    def at(time: float) -> float:
        return round(time + by, 3)

    return replace(
        segment,
        start=at(segment.start),
        end=at(segment.end),
        words=tuple(replace(word, start=at(word.start), end=at(word.end)) for word in segment.words),
        chars=tuple(
            char if char.start is None or char.end is None else replace(char, start=at(char.start), end=at(char.end))
            for char in segment.chars
        ),
    )

"""Speech to text by WhisperX: voice activity detection, Whisper in batches, forced alignment for the times of words.

The recording goes through in windows. Each is cut where speech pauses, so that no word is split, and depends on nothing before it.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from antiphon.engines.offline import installed, require_files, require_offline
from antiphon.engines.ports import SAMPLE_RATE, Segment, TranscribedChunk, TranscriptionOptions, Word
from antiphon.engines.recording import Recording
from antiphon.platform.errors import EngineError

if TYPE_CHECKING:
    from numpy.typing import NDArray

_ONSET_SECONDS = 0.5
_SHORTEST = SAMPLE_RATE // 10
"""Samples below which there is nothing to find, and for which the detector has no frame."""


@dataclass(frozen=True)
class _Models:
    pipeline: Any
    detector: Any


class WhisperX:
    """Transcriber. A job without a language gets that of its first speech; resume it with the ``language`` of its last chunk.

    model_dir: a Whisper in CTranslate2's format. align_dirs: ISO 639-1 → a wav2vec2 with its processor. device: ``cpu`` or ``cuda``.
    compute_type: None is float16 on cuda, float32 on cpu. piece: seconds that Whisper hears at once (at most 30). window: seconds that
    are looked at together, at least two pieces: batches are filled from it, and results come once per window.
    """

    def __init__(
        self,
        *,
        model_dir: str | Path,
        align_dirs: Mapping[str, str] | None = None,
        device: str = "cpu",
        compute_type: str | None = None,
        batch_size: int = 8,
        threads: int = 4,
        piece: float = 30.0,
        window: float = 120.0,
    ) -> None:
        if not (0 < piece <= 30 and window >= 2 * piece):
            raise EngineError("A piece is at most 30 s and a window at least two pieces")
        self.name = f"whisperx {installed('whisperx', 'whisperx')}"
        self._model_dir = Path(model_dir)
        self._align_dirs = {language: Path(folder) for language, folder in (align_dirs or {}).items()}
        self._device, self._compute_type = device, compute_type
        self._batch_size, self._threads, self._piece, self._window = batch_size, threads, piece, window
        self._models: _Models | None = None
        self._aligners: dict[str, tuple[Any, Any]] = {}
        self._lock = threading.RLock()

    def warm_up(self) -> None:
        with self._lock:
            self._loaded()
            for language in self._align_dirs:
                self._aligner(language)

    def unmet(self, options: TranscriptionOptions) -> tuple[str, ...]:
        vad = options.vad
        without_times = options.align and (
            options.language not in self._align_dirs if options.language else not self._align_dirs
        )
        speakers = options.diarize or options.min_speakers is not None or options.max_speakers is not None
        asked = {
            f"One model is loaded ({self._model_dir.name}); the model that was asked for was not used.": options.model
            not in (None, self._model_dir.name),
            "No alignment model for this language is configured; words have no times.": without_times,
            "Telling speakers apart is not configured; no speakers were assigned.": speakers,
            "It searches with beams and has no temperature; the setting was not used.": options.temperature is not None,
            "Its detection of speech is pyannote's; the method that was asked for was not used.": vad.method
            not in (None, "pyannote"),
        }
        return tuple(f"{self.name}: {sentence}" for sentence, is_asked in asked.items() if is_asked)

    def transcribe(
        self, audio: Iterable[np.ndarray], options: TranscriptionOptions, *, offset: float = 0.0
    ) -> Iterator[TranscribedChunk]:
        language = options.language.lower().split("-")[0] if options.language else None
        if language and language not in self._loaded().pipeline.model.supported_languages:
            raise EngineError(f"{self.name} does not understand {options.language!r}", code="unsupported_language")
        return self._chunks(Recording(audio), options, language, round(offset * SAMPLE_RATE))

    def _chunks(
        self, recording: Recording, options: TranscriptionOptions, language: str | None, position: int
    ) -> Iterator[TranscribedChunk]:
        piece = min(self._piece, options.vad.chunk_size or self._piece)
        while True:
            samples, is_last = recording.up_to(round(self._window * SAMPLE_RATE))
            try:
                with self._lock:
                    end, regions = self._cut(samples, options, piece, is_last=is_last)
                    if regions and not language:
                        first, last = (round(time * SAMPLE_RATE) for time in regions[0])
                        language = self._loaded().pipeline.detect_language(samples[first:last])
                    heard = self._hear(samples[:end], regions, options, language, piece) if regions else []
            except RuntimeError as error:  # what torch and CTranslate2 raise, e.g. when the GPU is out of memory
                raise EngineError(f"{self.name} failed: {error}", retryable=True) from error
            yield TranscribedChunk(
                end=(position + end) / SAMPLE_RATE,
                segments=tuple(_segments(heard, position / SAMPLE_RATE, end / SAMPLE_RATE)),
                language=language,
            )
            if is_last:
                return
            recording.drop(end)
            position += end

    def _cut(
        self, samples: NDArray[np.float32], options: TranscriptionOptions, piece: float, *, is_last: bool
    ) -> tuple[int, list[tuple[float, float]]]:
        """How many samples belong to this chunk, and the speech in them in seconds. Speech that goes on at the end of the window is
        left for the next one."""
        regions = self._speech(samples, options, piece)
        if is_last:
            return len(samples), regions
        duration = len(samples) / SAMPLE_RATE
        if regions and regions[-1][1] > duration - _ONSET_SECONDS and regions[-1][0] > 0:
            (start, _) = regions.pop()
            end = start
        else:
            end = max(duration - _ONSET_SECONDS, regions[-1][1] if regions else 0.0)
        return min(len(samples), math.floor(end * SAMPLE_RATE)), regions

    def _speech(
        self, samples: NDArray[np.float32], options: TranscriptionOptions, piece: float
    ) -> list[tuple[float, float]]:
        if len(samples) < _SHORTEST:
            return []
        import torch
        from whisperx.vads.pyannote import Binarize

        models = self._loaded()
        scores = models.detector({"waveform": torch.from_numpy(samples)[None], "sample_rate": SAMPLE_RATE})
        binarize = Binarize(
            max_duration=piece,
            onset=0.5 if options.vad.onset is None else options.vad.onset,
            offset=0.363 if options.vad.offset is None else options.vad.offset,
        )
        turns = binarize(scores).get_timeline()
        duration = len(samples) / SAMPLE_RATE
        return [(max(0.0, turn.start), min(duration, turn.end)) for turn in turns if turn.start < duration]

    def _hear(
        self,
        samples: NDArray[np.float32],
        regions: list[tuple[float, float]],
        options: TranscriptionOptions,
        language: str | None,
        piece: float,
    ) -> list[dict[str, Any]]:
        """WhisperX's segments, times in seconds from the first sample."""
        pipeline = self._loaded().pipeline
        pipeline.vad_model.regions = regions
        usual = pipeline.options
        pipeline.options = replace(usual, initial_prompt=options.initial_prompt, hotwords=options.hotwords)
        try:
            heard: list[dict[str, Any]] = pipeline.transcribe(
                samples,
                batch_size=options.batch_size or self._batch_size,
                language=language,
                task=options.task,
                chunk_size=piece,
            )["segments"]
        finally:
            pipeline.options = usual
        heard = [segment for segment in heard if segment["text"].strip()]
        if not (heard and options.align and options.task == "transcribe" and language in self._align_dirs):
            return heard
        import whisperx

        model, about = self._aligner(language)
        aligned: list[dict[str, Any]] = whisperx.align(heard, model, about, samples, self._device)["segments"]
        # Alignment drops what it finds no time for. Words without times are better than words lost.
        return aligned if _letters(aligned) == _letters(heard) else heard

    def _loaded(self) -> _Models:
        with self._lock:
            if not self._models:
                self._models = self._load()
            return self._models

    def _load(self) -> _Models:
        require_files(self.name, self._model_dir, ("model.bin", "config.json", "tokenizer.json", "vocabulary.*"))
        require_offline(self.name)
        import whisperx
        from pyannote.audio.telemetry import set_telemetry_metrics

        from antiphon.engines.whisperx_vad import FoundSpeech

        set_telemetry_metrics(False)  # else it tells its makers the length of every recording
        try:
            pipeline = whisperx.load_model(
                str(self._model_dir),
                self._device,
                compute_type=self._compute_type or "default",
                vad_method="pyannote",
                local_files_only=True,
                threads=self._threads,
            )
        except (RuntimeError, ValueError, OSError) as error:
            raise EngineError(f"{self.name} cannot load {self._model_dir}: {error}") from error
        detector, pipeline.vad_model = pipeline.vad_model, FoundSpeech()
        return _Models(pipeline, detector)

    def _aligner(self, language: str) -> tuple[Any, Any]:
        if language not in self._aligners:
            folder = self._align_dirs[language]
            require_files(self.name, folder, ("config.json", "vocab.json"))
            require_offline(self.name)
            import nltk
            import whisperx
            from whisperx.utils import PUNKT_LANGUAGES

            data = f"tokenizers/punkt_tab/{PUNKT_LANGUAGES.get(language, 'english')}"
            try:
                nltk.data.find(f"{data}/abbrev_types.txt")
                self._aligners[language] = whisperx.load_align_model(
                    language, self._device, model_name=str(folder), model_cache_only=True
                )
            except LookupError:
                raise EngineError(f"{self.name} finds no {data} in {nltk.data.path}; set NLTK_DATA") from None
            except ValueError as error:
                raise EngineError(f"{self.name} cannot load {folder}: {error}") from error
        return self._aligners[language]


def _letters(segments: list[dict[str, Any]]) -> str:
    return "".join("".join(segment["text"].split()) for segment in segments)


def _segments(heard: list[dict[str, Any]], began: float, end: float) -> Iterator[Segment]:
    """WhisperX's segments as ours: times from the beginning of the recording, in order, and none beyond the chunk."""
    floor = 0.0
    for segment in heard:
        start = _within(segment["start"], floor, end)
        stop = _within(segment["end"], start, end)
        words = tuple(_words(segment.get("words", ()), began, start, stop))
        confidence = segment.get("avg_logprob")
        yield Segment(
            start=round(began + start, 3),
            end=round(began + max(stop, start + 0.001), 3),
            text=segment["text"].strip(),
            words=words,
            confidence=None if confidence is None else round(min(1.0, math.exp(confidence)), 4),
        )
        floor = stop


def _words(heard: Iterable[Mapping[str, Any]], began: float, start: float, stop: float) -> Iterator[Word]:
    at = start
    for word in heard:
        low = _within(word.get("start", at), at, stop)
        at = _within(word.get("end", low), low, stop)
        score = word.get("score")
        yield Word(
            word["word"],
            round(began + low, 3),
            round(began + at, 3),
            None if score is None else min(1.0, max(0.0, float(score))),
        )


def _within(time: float, low: float, high: float) -> float:
    return low if math.isnan(time) else float(min(max(time, low), max(low, high)))

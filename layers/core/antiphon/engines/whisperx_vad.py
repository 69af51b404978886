"""Where somebody speaks: WhisperX's two detectors without its downloads, and its slot for one, filled with speech that was found before."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from whisperx.diarize import Segment
from whisperx.vads.pyannote import Binarize, load_vad_model
from whisperx.vads.vad import Vad

from antiphon.engines.ports import SAMPLE_RATE
from antiphon.engines.ports import Vad as Wanted

if TYPE_CHECKING:
    import numpy as np

ONSET, OFFSET = 0.5, 0.363
Region = tuple[float, float]
Detector = Callable[["np.ndarray", Wanted, float], list[Region]]
"""audio, what was asked for, the longest region in seconds → (start, end) in seconds."""


class FoundSpeech(Vad):
    """Answers with ``regions``, (start, end) in seconds, so that WhisperX hears just the speech that its caller chose."""

    def __init__(self) -> None:
        super().__init__(vad_onset=ONSET)
        self.regions: list[Region] = []

    def __call__(self, audio: Any, **_: Any) -> list[Segment]:
        return [Segment(start, end, "UNKNOWN") for start, end in self.regions]

    @staticmethod
    def preprocess_audio(audio: Any) -> Any:
        return torch.from_numpy(audio)[None]


def pyannote(device: str) -> Detector:
    """The model lies in WhisperX's package."""
    pipeline = load_vad_model(torch.device(device))

    def detect(audio: np.ndarray, wanted: Wanted, longest: float) -> list[Region]:
        scores = pipeline({"waveform": torch.from_numpy(audio)[None], "sample_rate": SAMPLE_RATE})
        binarize = Binarize(
            max_duration=longest,
            onset=ONSET if wanted.onset is None else wanted.onset,
            offset=OFFSET if wanted.offset is None else wanted.offset,
        )
        return [(turn.start, turn.end) for turn in binarize(scores).get_timeline()]

    return detect


def silero() -> Detector:
    """The model lies in faster-whisper's package, as ONNX; WhisperX itself would fetch it from GitHub."""
    from faster_whisper.vad import VadOptions, get_speech_timestamps, get_vad_model

    get_vad_model()

    def detect(audio: np.ndarray, wanted: Wanted, longest: float) -> list[Region]:
        options = VadOptions(
            threshold=ONSET if wanted.onset is None else wanted.onset,
            neg_threshold=wanted.offset,
            max_speech_duration_s=longest,
            # Silero's own values, which WhisperX keeps; faster-whisper's would join what two seconds of silence part.
            min_silence_duration_ms=100,
            speech_pad_ms=30,
        )
        return [
            (found["start"] / SAMPLE_RATE, found["end"] / SAMPLE_RATE)
            for found in get_speech_timestamps(audio, options, sampling_rate=SAMPLE_RATE)
        ]

    return detect

"""What the product needs of a speech engine.

Engines know nothing of jobs, queues or buckets: they take audio or text and give segments or audio, piece by piece, so that the
worker can store each piece before it asks for the next.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np

SAMPLE_RATE = 16_000
"""Of all audio that goes into a transcriber, in Hz."""


@dataclass(frozen=True)
class Word:
    """``start``, ``end``: seconds from the beginning of the recording; ``score``: 0–1 or None where the engine has none."""

    word: str
    start: float
    end: float
    score: float | None = None
    speaker: str | None = None


@dataclass(frozen=True)
class Segment:
    """One utterance. ``start``, ``end``: seconds from the beginning of the recording; ``confidence``: 0–1 or None."""

    start: float
    end: float
    text: str
    words: tuple[Word, ...] = ()
    confidence: float | None = None
    speaker: str | None = None


@dataclass(frozen=True)
class TranscribedChunk:
    """All that was said up to ``end`` (seconds from the beginning of the recording) and not in an earlier chunk.

    A transcription resumed with ``offset=end`` (and, where the language was left to be detected, with this ``language``) continues
    without gap or repeat.
    """

    end: float
    segments: tuple[Segment, ...]
    language: str | None = None


@dataclass(frozen=True)
class Vad:
    method: str | None = None
    onset: float | None = None
    offset: float | None = None
    chunk_size: float | None = None


@dataclass(frozen=True)
class TranscriptionOptions:
    """What a caller may choose; None means the engine's default. ``language``: ISO 639-1 or None to detect."""

    language: str | None = None
    model: str | None = None
    task: str = "transcribe"
    align: bool = True
    diarize: bool = False
    min_speakers: int | None = None
    max_speakers: int | None = None
    initial_prompt: str | None = None
    hotwords: str | None = None
    temperature: float | None = None
    batch_size: int | None = None
    vad: Vad = field(default_factory=Vad)


class Transcriber(Protocol):
    name: str
    """Engine and version as shown in results, e.g. ``pocketsphinx 5.1.1``."""

    def warm_up(self) -> None:
        """Load the models. Raises EngineError with what is missing and where to put it."""

    def unmet(self, options: TranscriptionOptions) -> tuple[str, ...]:
        """A sentence for each asked option that this engine does not offer; shown as warnings of the result."""

    def transcribe(
        self, audio: Iterable[np.ndarray], options: TranscriptionOptions, *, offset: float = 0.0
    ) -> Iterator[TranscribedChunk]:
        """Yield chunks in order, the last one with ``end`` = end of the audio, also for silence.

        audio: blocks of float32, mono, 16 kHz, shape (samples,), in [-1, 1], of any length; consumed lazily, never held as a whole.
        offset: seconds from the beginning of the recording at which the first sample lies.
        Raises EngineError.
        """


@dataclass(frozen=True)
class Voice:
    """``id`` as in requests; ``language``: BCP 47; ``gender``: female, male or neutral; ``quality``: A (best) to F, or None."""

    id: str
    name: str
    language: str
    gender: str
    engine: str
    quality: str | None = None


@dataclass(frozen=True)
class Sound:
    """A stretch of a sentence, from character ``start`` to before ``end``, that is to be said as these phonemes (IPA)."""

    start: int
    end: int
    phonemes: str


@dataclass(frozen=True)
class Spoken:
    """One sentence as audio. samples: int16, mono, shape (samples,), at the synthesizer's ``sample_rate``.

    words: times in seconds from the beginning of this sentence. unsaid: a sentence for each part of the text that is not heard, or not as
    it was asked for; shown as warnings of the result.
    """

    text: str
    samples: np.ndarray
    words: tuple[Word, ...] = ()
    unsaid: tuple[str, ...] = ()


class Synthesizer(Protocol):
    name: str
    sample_rate: int

    def warm_up(self) -> None:
        """Load the models. Raises EngineError with what is missing and where to put it."""

    def unmet(self, voice: str, language: str | None) -> tuple[str, ...]:
        """A sentence for each part of the request that is answered by something else than was asked for."""

    def split(self, text: str, language: str | None) -> Sequence[str]:
        """The sentences of the text, stretches of it in order, none empty, nothing lost but white space; the same text gives the same sentences."""

    def speak(
        self,
        sentence: str,
        *,
        voice: str,
        speed: float = 1.0,
        language: str | None = None,
        sounds: Sequence[Sound] = (),
    ) -> Spoken:
        """voice: an id of the voice list or a mix ``af_heart(2)+af_sky(1)``. speed: 0.25–4. sounds: in order, apart. Raises EngineError (``unknown_voice``)."""

"""What the product needs of a speech engine.

Engines know nothing of jobs, queues or buckets: they take audio or text and give segments or audio, piece by piece, so that the
worker can store each piece before it asks for the next.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Protocol

if TYPE_CHECKING:
    import numpy as np

SAMPLE_RATE = 16_000
"""Of all audio that goes into a transcriber, in Hz."""


@dataclass(frozen=True)
class Word:
    """``start``, ``end``: seconds from the beginning of the recording; ``score``: 0–1 or None where the engine has none; ``interpolated``: the
    engine found no times for it, these are spread between its neighbours."""

    word: str
    start: float
    end: float
    score: float | None = None
    speaker: str | None = None
    interpolated: bool = False


@dataclass(frozen=True)
class Char:
    """``start``, ``end``: as of a word, or None for what is not spoken, such as a space."""

    char: str
    start: float | None = None
    end: float | None = None
    score: float | None = None


@dataclass(frozen=True)
class Segment:
    """One utterance. ``start``, ``end``: seconds from the beginning of the recording; ``confidence``: 0–1 or None."""

    start: float
    end: float
    text: str
    words: tuple[Word, ...] = ()
    confidence: float | None = None
    speaker: str | None = None
    chars: tuple[Char, ...] = ()


@dataclass(frozen=True)
class TranscribedChunk:
    """All that was said up to ``end`` (seconds from the beginning of the recording) and not in an earlier chunk.

    A transcription resumed with ``offset=end`` (and, where the language was left to be detected, with this ``language``) continues
    without gap or repeat. ``warnings``: what could not be done as asked; ``align_seconds``: of the work, spent on the times of words.
    """

    end: float
    segments: tuple[Segment, ...]
    language: str | None = None
    warnings: tuple[str, ...] = ()
    align_seconds: float = field(default=0.0, compare=False)


@dataclass(frozen=True)
class Vad:
    method: str | None = None
    onset: float | None = None
    offset: float | None = None
    chunk_size: float | None = None


@dataclass(frozen=True)
class TranscriptionOptions:
    """What a caller may choose; None means the engine's default. ``language``: ISO 639-1 or None to detect.

    ``temperature``: one, or several: what the thresholds refuse is decoded again with the next. ``suppress_tokens``: ids, -1 for all that is
    not speech. ``condition_on_previous_text``: each piece of speech knows the text of the one before it.
    """

    language: str | None = None
    model: str | None = None
    task: str = "transcribe"
    align: bool = True
    diarize: bool = False
    min_speakers: int | None = None
    max_speakers: int | None = None
    num_speakers: int | None = None
    initial_prompt: str | None = None
    hotwords: str | None = None
    temperature: float | Sequence[float] | None = None
    beam_size: int | None = None
    best_of: int | None = None
    patience: float | None = None
    length_penalty: float | None = None
    repetition_penalty: float | None = None
    no_repeat_ngram_size: int | None = None
    compression_ratio_threshold: float | None = None
    log_prob_threshold: float | None = None
    no_speech_threshold: float | None = None
    condition_on_previous_text: bool | None = None
    prompt_reset_on_temperature: float | None = None
    suppress_tokens: Sequence[int] | None = None
    suppress_numerals: bool = False
    batch_size: int | None = None
    interpolate_method: str | None = None
    return_char_alignments: bool = False
    vad: Vad = field(default_factory=Vad)

    SEARCH: ClassVar[tuple[str, ...]] = (
        "temperature", "beam_size", "best_of", "patience", "length_penalty", "repetition_penalty", "no_repeat_ngram_size",
        "compression_ratio_threshold", "log_prob_threshold", "no_speech_threshold", "condition_on_previous_text",
        "prompt_reset_on_temperature", "suppress_tokens", "suppress_numerals",
    )  # fmt: skip
    """Those that say how the text is looked for."""

    def searched(self) -> tuple[str, ...]:
        """The names of those of ``SEARCH`` that were chosen."""
        return tuple(name for name in self.SEARCH if getattr(self, name) not in (None, False))

    @property
    def wants_speakers(self) -> bool:
        return self.diarize or any(n is not None for n in (self.min_speakers, self.max_speakers, self.num_speakers))


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


class Aligner(Protocol):
    name: str

    @property
    def languages(self) -> frozenset[str]:
        """ISO 639-1, of those that it can align."""

    def warm_up(self) -> None:
        """Load the models. Raises EngineError with what is missing and where to put it."""

    def align(
        self, segments: Sequence[Segment], audio: np.ndarray, language: str, options: TranscriptionOptions
    ) -> tuple[Segment, ...]:
        """The same text with times for its words, in one segment for each sentence; nothing of it is lost.

        segments: times in seconds from the first sample; audio: float32, mono, 16 kHz, shape (samples,). Of the options only those of the
        alignment count. Raises EngineError (``unsupported_language``).
        """


@dataclass(frozen=True)
class Turn:
    """Somebody speaks from ``start`` to ``end``, seconds from the beginning of the recording. ``speaker``: ``SPEAKER_00`` and so on."""

    start: float
    end: float
    speaker: str


@dataclass(frozen=True)
class Speakers:
    """How many there are; None where that is not known. ``exact`` counts before the others."""

    exact: int | None = None
    least: int | None = None
    most: int | None = None


class Diarizer(Protocol):
    name: str

    def warm_up(self) -> None:
        """Load the models. Raises EngineError with what is missing and where to put it."""

    def diarize(self, audio: np.ndarray, speakers: Speakers, progress: Callable[[float], None]) -> tuple[Turn, ...]:
        """Who speaks when, in order of the start; turns may overlap. The same audio gives the same turns; none for silence.

        audio: float32, mono, 16 kHz, shape (samples,); may lie in a file, of which only parts are in memory at a time. progress: called now
        and then with 0–1; what it raises ends the work. Raises EngineError.
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

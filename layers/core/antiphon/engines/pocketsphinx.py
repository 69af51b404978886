"""English speech to text without any download: CMU PocketSphinx with the model inside its wheel.

What makes it usable (measured): dither, because digital silence wrecks its features; ``topn=8``; whole utterances at once.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from antiphon.engines.child import Child
from antiphon.engines.offline import installed
from antiphon.engines.ports import SAMPLE_RATE, Segment, TranscribedChunk, TranscriptionOptions, Word
from antiphon.engines.recording import Recording
from antiphon.engines.utterances import Cut, cut_chunk
from antiphon.platform.errors import EngineError

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MARKER = re.compile(r"<.*>|\[.*\]|\+\+.*\+\+")
_VARIANT = re.compile(r"\(\d+\)$")

_DITHER = 25.0
_LEVEL = 4000.0
_MAX_GAIN = 50.0


class PocketSphinx:
    """Transcriber. Chunks end at a pause; memory is bounded by one chunk (30 s) and the block that was handed in."""

    def __init__(self, *, patience: float = 600.0) -> None:
        self.name = f"pocketsphinx {installed('pocketsphinx', 'pocketsphinx')}"
        self._child = Child("antiphon.engines.pocketsphinx_child", patience=patience)
        self._crashed_on = b""

    def warm_up(self) -> None:
        self._child.ask({})

    @property
    def decoder_pid(self) -> int | None:
        return self._child.pid

    def close(self) -> None:
        self._child.close()

    def unmet(self, options: TranscriptionOptions) -> tuple[str, ...]:
        vad = options.vad
        asked = {
            "It cannot translate; the text is in the language that was spoken.": options.task != "transcribe",
            "It has one model; the model that was asked for was not used.": options.model is not None,
            "It takes no initial prompt; the prompt was not used.": options.initial_prompt is not None,
            "It takes no hotwords; they were not used.": options.hotwords is not None,
            f"Its search cannot be tuned; {', '.join(options.searched())} had no effect.": bool(options.searched()),
            "It gives no times of characters.": options.return_char_alignments,
            "Its words have times of their own; interpolate_method had no effect.": options.interpolate_method
            is not None,
            "It works on one utterance at a time; the batch size was not used.": options.batch_size is not None,
            "Its detection of speech cannot be tuned; the vad settings were not used.": any(
                v is not None for v in (vad.method, vad.onset, vad.offset, vad.chunk_size)
            ),
        }
        return tuple(f"{self.name}: {sentence}" for sentence, is_asked in asked.items() if is_asked)

    def transcribe(
        self, audio: Iterable[np.ndarray], options: TranscriptionOptions, *, offset: float = 0.0
    ) -> Iterator[TranscribedChunk]:
        if options.language and options.language.lower().replace("_", "-").split("-")[0] != "en":
            raise EngineError(
                f"{self.name} understands English only, not {options.language!r}; choose the whisperx engine for other languages",
                code="unsupported_language",
            )
        return self._chunks(audio, round(offset * SAMPLE_RATE))

    def _chunks(self, audio: Iterable[np.ndarray], position: int) -> Iterator[TranscribedChunk]:
        # Everything below depends on the samples from ``position`` on and on nothing before them: that is what makes a resumed
        # transcription equal to an unbroken one.
        recording = Recording(audio)
        while True:
            held, is_last = recording.up_to(Cut.LONGEST)
            pcm = _int16(held)
            cut = cut_chunk(pcm, is_last=is_last)
            yield TranscribedChunk(
                end=(position + cut.end) / SAMPLE_RATE,
                segments=tuple(
                    segment
                    for start, end in cut.utterances
                    if (segment := self._decode(pcm[start:end], position + start))
                ),
                language="en",
            )
            if is_last:
                return
            recording.drop(cut.end)
            position += cut.end

    def _decode(self, pcm: NDArray[np.int16], position: int) -> Segment | None:
        body = _prepared(pcm, position)
        began = position / SAMPLE_RATE
        words = tuple(
            Word(
                _VARIANT.sub("", word),
                round(began + start, 3),
                round(began + end, 3),
                round(min(1.0, max(0.0, score)), 4),
            )
            for word, start, end, score in self._words(body)
            if not _MARKER.fullmatch(word)
        )
        if not words:
            return None
        confidence = sum(w.score or 0.0 for w in words) / len(words)
        return Segment(words[0].start, words[-1].end, " ".join(w.word for w in words), words, round(confidence, 4))

    def _words(self, body: bytes) -> list[tuple[str, float, float, float]]:
        try:
            words: list[tuple[str, float, float, float]] = self._child.ask({}, body)[0]["words"]
        except EngineError as error:
            # A crash may be bad luck once. The same utterance again means that this recording does it, and trying goes on forever.
            digest = hashlib.sha256(body).digest()
            error.retryable = error.retryable and digest != self._crashed_on
            self._crashed_on = digest
            raise
        return words


def _int16(samples: NDArray[np.float32]) -> NDArray[np.int16]:
    return np.round(samples * 32767.0).astype(np.int16)


def _prepared(pcm: NDArray[np.int16], position: int) -> bytes:
    """At one level, so that the dither neither drowns a quiet voice nor is lost under a loud one. The dither's seed is the place in
    the recording: the same utterance is the same input in every run."""
    samples = pcm.astype(np.float64)
    rms = float(np.sqrt(np.mean(samples**2))) if len(samples) else 0.0
    samples *= min(_MAX_GAIN, _LEVEL / rms) if rms else 1.0
    samples += np.random.default_rng(position).normal(0.0, _DITHER, len(samples))
    return np.clip(samples, -32768, 32767).astype("<i2").tobytes()

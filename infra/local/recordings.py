"""Spoken recordings, made by the embedded voice and encoded as users would send them."""

from __future__ import annotations

import io
import wave
from functools import cache

import numpy as np

from antiphon.engines.registry import make_synthesizer

SENTENCES = (
    "She will call you again in the afternoon.",
    "There is a small house near the river.",
    "He said that he would come back before the end of the week.",
    "They found the old book under the table in the kitchen.",
    "It was the first time that she had seen the ocean.",
    "We will send the numbers to you by Friday.",
)


@cache
def _speech(count: int, pause: float) -> tuple[bytes, int]:
    engine = make_synthesizer("espeak", {})
    engine.warm_up()
    rest = np.zeros(int(engine.sample_rate * pause), np.int16)
    parts: list[np.ndarray] = []
    for index in range(count):
        parts += [engine.speak(SENTENCES[index % len(SENTENCES)], voice="en-us-f").samples, rest]
    samples = np.concatenate(parts)
    # A digital silence between the words is what no microphone gives and what the recogniser cannot stand.
    noise = np.random.default_rng(1).normal(0, 20, samples.shape)
    return np.clip(samples + noise, -32768, 32767).astype(np.int16).tobytes(), engine.sample_rate


def spoken_wav(sentences: int = 3, pause: float = 0.8) -> bytes:
    """Mono 16-bit WAV of so many sentences; the same bytes each time."""
    samples, rate = _speech(sentences, pause)
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(samples)
    return file.getvalue()


@cache
def spoken_m4a(sentences: int = len(SENTENCES)) -> bytes:
    """The same as AAC in an MP4, as phones record."""
    import av

    samples, rate = _speech(sentences, 0.8)
    file = io.BytesIO()
    with av.open(file, "w", format="ipod") as out:
        stream = out.add_stream("aac", rate=rate, layout="mono")
        stream.bit_rate = 96_000
        frame = av.AudioFrame.from_ndarray(np.frombuffer(samples, np.int16)[None, :], format="s16", layout="mono")
        frame.sample_rate, frame.pts = rate, 0
        out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return file.getvalue()

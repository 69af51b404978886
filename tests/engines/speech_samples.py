"""Test speech: ten sentences spoken by espeak, and how far a transcript is from what was said."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from antiphon.engines.espeak import Espeak
from antiphon.engines.ports import SAMPLE_RATE, TranscribedChunk

SENTENCES = (
    "we have spent about half of the money",
    "and we will send the numbers to you by friday",
    "the meeting starts at nine in the morning",
    "please bring your notes and a cup of coffee",
    "the weather was cold and it rained all day",
    "she read the letter twice before she answered",
    "he opened the door and walked into the house",
    "the children are playing in the garden behind the school",
    "we need more time to finish the work",
    "thank you very much for your help today",
)


def silence(seconds: float) -> np.ndarray:
    return np.zeros(round(seconds * SAMPLE_RATE), np.float32)


def spoken(sentences: tuple[str, ...], *, voice: str = "en-us-f", pause: float = 0.5) -> np.ndarray:
    """float32, mono, 16 kHz: the sentences with silence of ``pause`` seconds after each."""
    espeak = Espeak()
    parts = []
    for sentence in sentences:
        samples = espeak.speak(sentence + ".", voice=voice, speed=0.85).samples / np.float32(32768)
        length = len(samples) * SAMPLE_RATE // espeak.sample_rate
        at = np.arange(length) * espeak.sample_rate / SAMPLE_RATE
        parts += [np.interp(at, np.arange(len(samples)), samples).astype(np.float32), silence(pause)]
    espeak.close()
    return np.concatenate(parts)


def conversation() -> tuple[np.ndarray, list[float]]:
    """A man, a woman, a deeper man, the woman and the first man again (A B C B A), and the seconds at which they change."""
    voices = {"A": "en-us-m", "B": "en-us-f", "C": "en-us-m"}
    parts = [spoken(SENTENCES[n : n + 2], voice=voices[who], pause=0.4) for n, who in enumerate("ABCBA")]
    slow = np.arange(0, len(parts[2]) - 1, 0.82)
    parts[2] = np.interp(slow, np.arange(len(parts[2])), parts[2]).astype(np.float32)
    changes = np.cumsum([len(part) / SAMPLE_RATE for part in parts])
    return np.concatenate(parts), list(changes[:-1])


def blocks(audio: np.ndarray, size: int) -> Iterator[np.ndarray]:
    for at in range(0, len(audio), size):
        yield audio[at : at + size]


def text_of(chunks: list[TranscribedChunk]) -> str:
    return " ".join(segment.text for chunk in chunks for segment in chunk.segments)


def word_error_rate(said: str, heard: str) -> float:
    """Insertions, deletions and substitutions per word that was said."""
    wanted, got = said.lower().split(), heard.lower().split()
    row = list(range(len(got) + 1))
    for i, word in enumerate(wanted, 1):
        before, row[0] = row[0], i
        for j, other in enumerate(got, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (word != other))
    return row[-1] / len(wanted)

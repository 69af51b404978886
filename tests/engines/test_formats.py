"""Speech in each format, read by decoders that are not the encoder's library: libsndfile, which has mpg123, libopus and libFLAC, and the standard library.

Of AAC there is no second decoder here: its frames are walked by their headers (ADTS, ISO/IEC 13818-7), which tells how long it is and not how it sounds.
Run by `.venvs/engines/bin/python -m pytest --confcutdir=tests/engines tests/engines/test_formats.py`, where soundfile is.
"""

from __future__ import annotations

import wave
from collections.abc import Callable, Iterator
from itertools import count, takewhile
from pathlib import Path

import numpy as np
import pytest
import soundfile

from antiphon.media.encode import Encoder
from antiphon.media.formats import FORMATS
from antiphon.media.growing import GrowingSound

RATE = 24_000
PITCHES = (220, 330, 440, 550, 660)
AAC_RATES = (96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350)
FRAME = {"mp3": 576, "aac": 1024}
"""Samples of a frame: MPEG-2 layer III and AAC, at the encoder's own rate."""
PADDING = {"mp3": 3, "aac": 2}
"""Frames that an encoder may put around what it was given; the others say in their head what is to be cut."""


def sentences() -> list[np.ndarray]:
    """Sixty, each of its own length and pitch, no length a multiple of any frame's."""
    lengths = [RATE // 3 + 997 * (number % 7) + number for number in range(60)]
    return [
        (np.sin(2 * np.pi * PITCHES[number % 5] * np.arange(length) / RATE) * 9000).astype(np.int16)
        for number, length in enumerate(lengths)
    ]


def joined(format: str, path: Path) -> Path:
    with Encoder(format, RATE, path) as encoder:
        for sentence in sentences():
            encoder.write(sentence)
    return path


def streamed(format: str, path: Path) -> Path:
    sound = GrowingSound(format, RATE, RATE)
    path.write_bytes(b"".join([*(sound.add(sentence.tobytes()) for sentence in sentences()), sound.end()]))
    return path


def by_libsndfile(path: Path) -> tuple[np.ndarray, int]:
    with soundfile.SoundFile(path) as file:
        # The head of a FLAC that was streamed cannot say how many samples come: in pieces, and soundfile is not to go to where it thinks each ends.
        file.seekable = lambda: False
        pieces = (file.read(RATE, dtype="float32") for _ in count())
        return np.concatenate(list(takewhile(len, pieces))), file.samplerate


def by_the_standard_library(path: Path) -> tuple[np.ndarray, int]:
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getsampwidth()) == (1, 2)
        return np.frombuffer(file.readframes(file.getnframes()), "<i2") / np.float32(32768), file.getframerate()


def as_it_is(path: Path) -> tuple[np.ndarray, int]:
    return np.frombuffer(path.read_bytes(), "<i2") / np.float32(32768), RATE


DECODERS: dict[str, Callable[[Path], tuple[np.ndarray, int]]] = {
    "flac": by_libsndfile,
    "mp3": by_libsndfile,
    "opus": by_libsndfile,
    "pcm": as_it_is,
    "wav": by_the_standard_library,
}
WAYS = [
    (format, way) for format in sorted(DECODERS) for way in (joined, streamed) if (format, way) != ("wav", streamed)
]


def pitch(samples: np.ndarray, rate: int) -> float:
    """Of the loudest tone, in Hz."""
    size = 2**15  # bins of less than 1 Hz; a power of two, for speed
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples)), n=size))
    return float(np.argmax(spectrum) * rate / size)


@pytest.mark.parametrize(("format", "way"), WAYS)
def test_another_decoder_hears_every_sentence_at_its_time(
    format: str, way: Callable[[str, Path], Path], tmp_path: Path
) -> None:
    samples, rate = DECODERS[format](way(format, tmp_path / f"speech.{FORMATS[format].extension}"))
    spoken = sentences()
    total = sum(map(len, spoken))

    assert rate == RATE
    assert 0 <= len(samples) - total <= FRAME.get(format, 0) * PADDING.get(format, 0)
    at = 0
    for number, sentence in enumerate(spoken):
        middle = slice(*(round(at + share * len(sentence)) for share in (0.3, 0.8)))
        assert pitch(samples[middle], rate) == pytest.approx(PITCHES[number % 5], abs=4), number
        assert np.sqrt(np.mean(samples[middle] ** 2)) == pytest.approx(9000 / 32768 / 2**0.5, rel=0.1)
        at += len(sentence)
    if format in ("flac", "pcm", "wav"):
        assert np.array_equal(np.round(samples * 32768).astype(np.int16), np.concatenate(spoken))


def adts_frames(body: bytes) -> Iterator[tuple[int, int, int]]:
    """Rate, channels and samples of each frame. Raises AssertionError where one does not begin at the end of the one before."""
    at = 0
    while at < len(body):
        head = body[at : at + 7]
        assert len(head) == 7
        assert head[0] == 0xFF
        assert head[1] & 0xF6 == 0xF0, "sync word, layer 0"
        length = (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5
        assert 7 < length <= len(body) - at
        yield AAC_RATES[head[2] >> 2 & 15], (head[2] & 1) << 2 | head[3] >> 6, 1024 * ((head[6] & 3) + 1)
        at += length


@pytest.mark.parametrize("way", [joined, streamed])
def test_the_frames_of_an_aac_are_as_long_as_its_sentences(way: Callable[[str, Path], Path], tmp_path: Path) -> None:
    frames = list(adts_frames(way("aac", tmp_path / "speech.aac").read_bytes()))

    assert {(rate, channels) for rate, channels, _ in frames} == {(RATE, 1)}
    longer = sum(samples for _, _, samples in frames) - sum(map(len, sentences()))
    assert 0 <= longer <= FRAME["aac"] * PADDING["aac"]

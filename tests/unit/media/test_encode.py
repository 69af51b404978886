"""Speech as files, read back by the decoder's own library or by the standard library."""

from __future__ import annotations

import wave
from pathlib import Path

import av
import numpy as np
import pytest

from antiphon.media.encode import Encoder
from antiphon.media.formats import FORMATS
from antiphon.platform.errors import Invalid

RATES = (16_000, 22_050, 24_000)


def speech(seconds: float, rate: int) -> np.ndarray:
    return (np.sin(2 * np.pi * 300 * np.arange(round(seconds * rate)) / rate) * 9000).astype(np.int16)


def written(path: Path, format: str, rate: int, samples: np.ndarray, block: int = 3_001) -> Path:
    with Encoder(format, rate, path) as encoder:
        for first in range(0, len(samples), block):
            encoder.write(samples[first : first + block])
        assert encoder.duration == pytest.approx(len(samples) / rate)
    return path


def heard(path: Path) -> tuple[float, float]:
    """Seconds and root mean square of what is in the file."""
    with av.open(str(path)) as source:
        resampler = av.AudioResampler(format="s16", layout="mono", rate=16_000)
        frames = [made for frame in source.decode(audio=0) for made in resampler.resample(frame)]
        frames += resampler.resample(None)
    samples = np.concatenate([frame.to_ndarray()[0] for frame in frames])
    return len(samples) / 16_000, float(np.sqrt(np.mean(samples.astype(np.float64) ** 2)))


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("format", sorted(set(FORMATS) - {"pcm"}))
def test_a_file_holds_what_was_written(format: str, rate: int, tmp_path: Path) -> None:
    seconds, loudness = heard(written(tmp_path / "a", format, rate, speech(1.5, rate)))
    assert seconds == pytest.approx(1.5, abs=0.12)
    assert loudness == pytest.approx(9000 / 2**0.5, rel=0.1)


@pytest.mark.parametrize("format", ["wav", "flac"])
def test_headers_tell_the_true_length(format: str, tmp_path: Path) -> None:
    path = written(tmp_path / "a", format, 22_050, speech(1.25, 22_050))
    with av.open(str(path)) as source:
        assert source.duration is not None
        assert source.duration / av.time_base == pytest.approx(1.25, abs=0.001)


def test_wav_and_pcm_are_lossless(tmp_path: Path) -> None:
    samples = speech(0.7, 24_000)
    with wave.open(str(written(tmp_path / "a.wav", "wav", 24_000, samples))) as source:
        assert (source.getframerate(), source.getnchannels(), source.getsampwidth()) == (24_000, 1, 2)
        assert source.readframes(10**6) == samples.astype("<i2").tobytes()
    assert written(tmp_path / "a.pcm", "pcm", 24_000, samples).read_bytes() == samples.astype("<i2").tobytes()


def test_the_size_of_the_blocks_makes_no_difference(tmp_path: Path) -> None:
    samples = speech(2.0, 24_000)
    one = written(tmp_path / "one", "mp3", 24_000, samples, block=len(samples))
    many = written(tmp_path / "many", "mp3", 24_000, samples, block=777)
    assert one.read_bytes() == many.read_bytes()


@pytest.mark.parametrize("format", sorted(FORMATS))
def test_a_file_of_nothing_can_be_closed_twice(format: str, tmp_path: Path) -> None:
    encoder = Encoder(format, 24_000, tmp_path / "a")
    encoder.close()
    encoder.close()
    assert (tmp_path / "a").exists()


def test_an_unknown_format_is_refused_with_the_list(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match=r"mp3, opus, aac, flac, wav, pcm"):
        Encoder("ape", 24_000, tmp_path / "a")


def test_floats_are_refused(tmp_path: Path) -> None:
    with Encoder("wav", 24_000, tmp_path / "a") as encoder, pytest.raises(ValueError, match="int16"):
        encoder.write(np.zeros(10, np.float32))

"""Speech as files: int16 samples in, one of six formats out, block by block."""

from __future__ import annotations

import wave
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from antiphon.platform.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True)
class Format:
    """``muxer``, ``codec``: of FFmpeg, None where the bytes are written as they are; ``rates``: that the codec takes, empty for any."""

    content_type: str
    extension: str
    muxer: str | None = None
    codec: str | None = None
    sample_format: str = "s16"
    rates: tuple[int, ...] = ()
    bit_rate: int | None = None


_MP3_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        "mp3": Format("audio/mpeg", "mp3", "mp3", "libmp3lame", "s16p", _MP3_RATES, 64_000),
        "opus": Format("audio/ogg", "opus", "ogg", "libopus", "s16", (8000, 12000, 16000, 24000, 48000), 32_000),
        "aac": Format("audio/aac", "aac", "adts", "aac", "fltp", _MP3_RATES, 64_000),
        "flac": Format("audio/flac", "flac", "flac", "flac", "s16"),
        "wav": Format("audio/wav", "wav"),
        "pcm": Format("audio/L16", "pcm"),
    }
)
BLOCK = 1 << 16
"""Samples that go to the codec at once."""


def encoder(path: Path, format: str, sample_rate: int) -> Encoder | WavFile | PcmFile:
    """Raises EngineError for an unknown format."""
    if format == "wav":
        return WavFile(path, sample_rate)
    if format == "pcm":
        return PcmFile(path)
    if format not in FORMATS:
        raise EngineError(f"There is no format {format!r}; choose one of {', '.join(FORMATS)}.", code="unknown_format")
    return Encoder(path, FORMATS[format], sample_rate)


class PcmFile:
    """int16, mono, little-endian, as it comes."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")

    def write(self, samples: bytes) -> None:
        self._file.write(samples)

    def close(self) -> None:
        self._file.close()


class WavFile:
    def __init__(self, path: Path, sample_rate: int) -> None:
        self._file = wave.open(str(path), "wb")  # noqa: SIM115 - closed by close()
        self._file.setnchannels(1)
        self._file.setsampwidth(2)
        self._file.setframerate(sample_rate)

    def write(self, samples: bytes) -> None:
        self._file.writeframesraw(samples)

    def close(self) -> None:
        self._file.close()


class Encoder:
    """Through FFmpeg's libraries, in this process: these are our own samples."""

    def __init__(self, path: Path, format: Format, sample_rate: int) -> None:
        import av

        self._container: Any = av.open(str(path), mode="w", format=format.muxer)
        rate = min((r for r in format.rates if r >= sample_rate), default=48_000) if format.rates else sample_rate
        self._stream: Any = self._container.add_stream(format.codec, rate=rate, layout="mono")
        if format.bit_rate:
            self._stream.bit_rate = format.bit_rate
        self._resampler = av.AudioResampler(format=format.sample_format, layout="mono", rate=rate)
        self._rate = sample_rate
        self._written = 0

    def write(self, samples: bytes) -> None:
        """samples: int16, mono, little-endian, of any length."""
        import av
        import numpy as np

        data = np.frombuffer(samples, "<i2")
        for start in range(0, len(data), BLOCK):
            part = data[start : start + BLOCK]
            frame = av.AudioFrame.from_ndarray(part.reshape(1, -1), format="s16", layout="mono")
            frame.sample_rate, frame.pts = self._rate, self._written
            self._written += len(part)
            self._encode(self._resampler.resample(frame))

    def close(self) -> None:
        """Everything is in the file when this returns."""
        self._encode(self._resampler.resample(None))
        for packet in self._stream.encode(None):
            self._container.mux(packet)
        self._container.close()

    def _encode(self, frames: Iterable[Any]) -> None:
        for frame in frames:
            for packet in self._stream.encode(frame):
                self._container.mux(packet)


__all__ = ["FORMATS", "Format", "encoder"]

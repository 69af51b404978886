"""Sound that is listened to while it is still being made: samples in, and out what can be played of them by now."""

from __future__ import annotations

import av
import numpy as np

from antiphon.media.encode import Encoder


class _New:
    """What was written since the last look."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def write(self, data: bytes, /) -> int:
        self._bytes += data
        return len(data)

    def close(self) -> None:
        """What is left can still be taken."""

    def take(self) -> bytes:
        taken = bytes(self._bytes)
        self._bytes.clear()
        return taken


class GrowingSound:
    """format: any but wav, whose head says how long it is. rate: of the result where the format has no head to say it (pcm), in Hz."""

    def __init__(self, format: str, sample_rate: int, rate: int) -> None:
        if format == "wav":
            raise ValueError("a WAV cannot begin before its length is known")
        self._new = _New()
        self._rate = sample_rate
        differs = format == "pcm" and sample_rate != rate
        self._resampler = av.AudioResampler("s16", "mono", rate) if differs else None
        self._encoder = Encoder(format, sample_rate, self._new)

    def add(self, samples: bytes) -> bytes:
        """samples: int16, mono, little-endian."""
        block = np.frombuffer(samples, "<i2").astype(np.int16, copy=False)
        if self._resampler is None:
            self._encoder.write(block)
        elif len(block):
            frame = av.AudioFrame.from_ndarray(block.reshape(1, -1), format="s16", layout="mono")
            frame.sample_rate = self._rate
            self._resampled(frame)
        return self._new.take()

    def end(self) -> bytes:
        if self._resampler is not None:
            self._resampled(None)
        self._encoder.close()
        return self._new.take()

    def _resampled(self, frame: av.AudioFrame | None) -> None:
        assert self._resampler is not None
        for made in self._resampler.resample(frame):
            self._encoder.write(made.to_ndarray().reshape(-1))

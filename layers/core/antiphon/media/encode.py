"""Sound into a file, block by block: memory does not grow with its length."""

from __future__ import annotations

import os
from types import TracebackType
from typing import TYPE_CHECKING, BinaryIO, Protocol, Self, cast

import av
import numpy as np

from antiphon.media.formats import FORMATS
from antiphon.platform.errors import Invalid

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import OutputContainer

_MUXERS = {
    "mp3": ("mp3", "libmp3lame", 64_000),
    "opus": ("opus", "libopus", 32_000),
    "aac": ("adts", "aac", 64_000),
    "flac": ("flac", "flac", None),
    "wav": ("wav", "pcm_s16le", None),
}
"""Of each format: container, codec, bits a second."""


class Sink(Protocol):
    """A file that is written from its beginning to its end, and never gone back in."""

    def write(self, data: bytes, /) -> int: ...

    def close(self) -> None: ...


class Encoder:
    """Writes int16 blocks as ``format`` to a seekable file, or to a sink that gets every block at once; it is complete, headers included, after ``close``. In a
    sink the head of a WAV cannot say how long it is.

    layout: as FFmpeg calls it; bit_rate: bits a second, of formats that have one. ``duration``: seconds written so far. Raises Invalid (``unknown_format``).
    """

    def __init__(
        self,
        format: str,
        sample_rate: int,
        path: str | os.PathLike[str] | Sink,
        *,
        layout: str = "mono",
        bit_rate: int | None = None,
    ) -> None:
        if format not in FORMATS:
            raise Invalid(f"The format {format!r} is not one of {', '.join(FORMATS)}.", code="unknown_format")
        self._rate = sample_rate
        self._layout = layout
        self._channels = av.AudioLayout(layout).nb_channels
        self._written = 0
        self._plain: BinaryIO | Sink | None = None
        named = isinstance(path, (str, os.PathLike))
        self._container: OutputContainer | None = None
        if format == "pcm":
            self._plain = open(path, "wb") if isinstance(path, (str, os.PathLike)) else path  # noqa: SIM115 - closed by close()
            return
        muxer, codec, bits = _MUXERS[format]
        rates = av.Codec(codec, "w").audio_rates
        # Some know a few rates only; the codec's own resampler brings ours to the best of them.
        rate = sample_rate if rates is None or sample_rate in rates else 48_000
        # A WAV above 4 GB has sizes that do not fit into its header, unless it is an RF64.
        options = {"rf64": "auto"} if muxer == "wav" else {}
        if not named:
            options |= {"flush_packets": "1"}
        if not named and muxer == "opus":
            options["page_duration"] = "200000"  # microseconds; it would hold back a second
        self._container = av.open(path, "w", format=muxer, options=options)
        self._stream = cast("AudioStream", self._container.add_stream(codec, rate=rate, layout=layout))
        if bits:
            self._stream.bit_rate = bit_rate or bits
        # Now and not with the first block: a file that cannot be written is an error before anything is spoken.
        self._container.start_encoding()

    @property
    def duration(self) -> float:
        return self._written / self._rate

    def write(self, samples: np.ndarray) -> None:
        """samples: int16, shape (samples, channels) or, of mono, (samples,), at the sample rate of this encoder; any number of them."""
        shaped = samples.reshape(len(samples), -1) if samples.ndim == 1 else samples
        if samples.dtype != np.int16 or shaped.ndim != 2 or (len(shaped) and shaped.shape[1] != self._channels):
            wanted = f"int16 of shape (samples, {self._channels})"
            raise ValueError(f"{wanted} is needed, not {samples.dtype} of {samples.shape}")
        # A frame of any length would be taken, but all of it is held until it is encoded.
        for first in range(0, len(samples), self._rate):
            self._write(samples[first : first + self._rate])

    def _write(self, samples: np.ndarray) -> None:
        if self._plain is not None:
            self._plain.write(samples.astype("<i2", copy=False).tobytes())
        else:
            assert self._container is not None
            packed = np.ascontiguousarray(samples).reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(packed, format="s16", layout=self._layout)
            frame.sample_rate = self._rate
            frame.pts = self._written
            self._container.mux(self._stream.encode(frame))
        self._written += len(samples)

    def close(self) -> None:
        """Write what is left and the final header. Safe to repeat."""
        if self._plain is not None:
            self._plain.close()
        if self._container is not None:
            container, self._container = self._container, None
            try:
                container.mux(self._stream.encode(None))
            finally:
                container.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

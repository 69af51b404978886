"""FFmpeg's filters over a stream of blocks. A block is float32 of shape (samples, channels), in [-1, 1] where nothing clips."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np
from av.filter import Graph

from antiphon.media.model import LAYOUTS

SILENCE = -70.0
"""LUFS under which EBU R 128 hears nothing."""


@dataclass(frozen=True)
class Sound:
    """rate: samples a second."""

    rate: int
    channels: int

    @property
    def layout(self) -> str:
        return LAYOUTS[self.channels]


@dataclass(frozen=True)
class Loudness:
    """``lufs``: integrated; ``true_peak``: dBTP; ``range``: LU. None for silence."""

    lufs: float | None
    true_peak: float | None
    range: float | None


Blocks = Iterable[np.ndarray]


class _Chain:
    def __init__(self, sound: Sound, filters: Sequence[tuple[str, str]], out: Sound) -> None:
        self._sound = sound
        self._position = 0
        graph = Graph()
        self._source = graph.add_abuffer(
            format="flt", layout=sound.layout, sample_rate=sound.rate, time_base=Fraction(1, sound.rate)
        )
        last = self._source
        shape = f"sample_fmts=flt:sample_rates={out.rate}:channel_layouts={out.layout}"
        for name, options in (*filters, ("aformat", shape)):
            added = graph.add(name, options)
            last.link_to(added)
            last = added
        self._sink = graph.add("abuffersink")
        last.link_to(self._sink)
        graph.configure()
        self._graph = graph

    def push(self, block: np.ndarray | None) -> Iterator[av.AudioFrame]:
        """None at the end."""
        if block is None:
            self._source.push(None)
        else:
            packed = np.ascontiguousarray(block, np.float32).reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(packed, format="flt", layout=self._sound.layout)
            frame.sample_rate, frame.pts = self._sound.rate, self._position
            frame.time_base = Fraction(1, self._sound.rate)
            self._position += len(block)
            self._source.push(frame)
        while True:
            try:
                found = self._sink.pull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return
            assert isinstance(found, av.AudioFrame)
            yield found


def filtered(
    blocks: Blocks, sound: Sound, filters: Sequence[tuple[str, str]], *, out: Sound | None = None
) -> Iterator[np.ndarray]:
    """filters: names and options of FFmpeg's filters, in order."""
    chain = _Chain(sound, filters, out or sound)
    channels = (out or sound).channels

    def blocks_of(frames: Iterator[av.AudioFrame]) -> Iterator[np.ndarray]:
        for frame in frames:
            yield frame.to_ndarray().reshape(-1, channels)

    for block in blocks:
        if len(block):
            yield from blocks_of(chain.push(block))
    yield from blocks_of(chain.push(None))


class Meter:
    """Loudness after EBU R 128 (ITU-R BS.1770) of what it is shown."""

    def __init__(self, sound: Sound) -> None:
        self._chain = _Chain(sound, [("ebur128", "metadata=1:peak=true")], sound)
        self._last: dict[str, str] = {}
        self._peak = 0.0

    def show(self, block: np.ndarray) -> None:
        if len(block):
            self._read(self._chain.push(block))

    def loudness(self) -> Loudness:
        """Call it once, at the end."""
        self._read(self._chain.push(None))
        heard = float(self._last.get("lavfi.r128.I", "-inf"))
        silent = not math.isfinite(heard) or heard <= SILENCE
        peak = 20 * math.log10(self._peak) if self._peak > 0 else None
        return Loudness(
            lufs=None if silent else round(heard, 2),
            true_peak=None if peak is None else round(peak, 2),
            range=None if silent else round(float(self._last["lavfi.r128.LRA"]), 2),
        )

    def _read(self, frames: Iterator[av.AudioFrame]) -> None:
        for frame in frames:
            self._last = dict(frame.metadata)
            self._peak = max(self._peak, float(self._last.get("lavfi.r128.true_peak", 0)))

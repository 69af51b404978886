"""What a recording is, heard once from beginning to end."""

from __future__ import annotations

import os

import numpy as np

from antiphon.media.filters import Meter
from antiphon.media.hear import Hearing
from antiphon.media.model import PEAKS, Facts, Limits

_FIRST = 16
"""Samples in one bin at first; whenever there are too many bins, two become one."""


def inspect(path: str | os.PathLike[str], limits: Limits | None = None) -> Facts:
    """Raises MediaError."""
    with Hearing(path, limits) as hearing:
        meter, peaks = Meter(hearing.sound), _Peaks()
        for block in hearing:
            meter.show(block)
            peaks.show(block)
        probe, duration, loudness = hearing.probe, hearing.heard, meter.loudness()
    size = os.stat(path).st_size
    return Facts(
        container=probe.container,
        codec=probe.codec,
        duration=round(duration, 6),
        sample_rate=probe.sample_rate,
        channels=probe.channels,
        bit_rate=probe.bit_rate or (round(size * 8 / duration) if duration else None),
        lufs=loudness.lufs,
        true_peak=loudness.true_peak,
        loudness_range=loudness.range,
        tags=probe.tags,
        peaks=peaks.values(),
    )


class _Peaks:
    def __init__(self) -> None:
        self._bin = _FIRST
        self._low: list[float] = []
        self._high: list[float] = []
        self._rest = np.empty(0, np.float32)
        self._rest_low = np.empty(0, np.float32)

    def show(self, block: np.ndarray) -> None:
        high = np.concatenate([self._rest, block.max(axis=1)])
        low = np.concatenate([self._rest_low, block.min(axis=1)])
        whole = len(high) // self._bin * self._bin
        self._high.extend(high[:whole].reshape(-1, self._bin).max(axis=1).tolist())
        self._low.extend(low[:whole].reshape(-1, self._bin).min(axis=1).tolist())
        self._rest, self._rest_low = high[whole:], low[whole:]
        while len(self._high) > 16 * PEAKS:
            if len(self._high) % 2:
                self._high.append(self._high[-1])
                self._low.append(self._low[-1])
            self._high = np.array(self._high).reshape(-1, 2).max(axis=1).tolist()
            self._low = np.array(self._low).reshape(-1, 2).min(axis=1).tolist()
            self._bin *= 2

    def values(self) -> tuple[int, ...]:
        high = np.array([*self._high, *([self._rest.max()] if len(self._rest) else [])])
        low = np.array([*self._low, *([self._rest_low.min()] if len(self._rest_low) else [])])
        edges = np.unique(np.linspace(0, len(high), min(PEAKS, len(high)), endpoint=False).astype(int))
        pairs = np.stack([np.minimum.reduceat(low, edges), np.maximum.reduceat(high, edges)], axis=1)
        return tuple(np.clip(np.round(pairs * 127), -127, 127).astype(int).ravel().tolist())

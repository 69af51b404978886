"""A recording as it is: its own rate and channels, float32, block by block; memory does not grow with its length."""

from __future__ import annotations

import os
from collections.abc import Iterator
from types import TracebackType
from typing import Self

import numpy as np

from antiphon.media.confined import Confined
from antiphon.media.filters import Sound
from antiphon.media.model import Limits, Probe
from antiphon.platform.errors import MediaError

_BLOCK = 1 << 15
"""Samples in one block."""


class Hearing:
    """An iterator over blocks of float32, shape (samples, channels), in [-1, 1].

    The decoder is a process of its own that can reach nothing (see confined). Leaving the context ends it at any point.
    ``probe``: what the file says of itself; ``sound``: of the blocks; ``heard``: seconds so far; ``warnings``: complete at the end.
    Iterating raises MediaError when the recording turns out to be unusable.
    """

    def __init__(
        self, path: str | os.PathLike[str], limits: Limits | None = None, *, sound: Sound | None = None
    ) -> None:
        wanted = (sound.rate, sound.channels) if sound else (0, 0)
        self._confined = Confined("samples", path, limits or Limits(), *map(str, wanted))
        try:
            self.probe: Probe = self._confined.probe()
        except BaseException:
            self._confined.close()
            raise
        self.sound = sound or Sound(self.probe.sample_rate, self.probe.channels)
        self._samples = 0
        self._ended = False
        self.warnings: tuple[str, ...] = ()

    @property
    def heard(self) -> float:
        return self._samples / self.sound.rate

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __iter__(self) -> Iterator[np.ndarray]:
        return self

    def __next__(self) -> np.ndarray:
        if self._ended:
            raise StopIteration
        width = 4 * self.sound.channels
        data = self._confined.output.read(_BLOCK * width)
        if len(data) >= width:
            # A child that was killed may have left a part of a sample.
            block = np.frombuffer(data, "<f4", count=len(data) // width * self.sound.channels)
            self._samples += len(data) // width
            # A file may hold floats that are no numbers, or far too large ones.
            return np.clip(np.nan_to_num(block), -8, 8).reshape(-1, self.sound.channels)
        self._ended = True
        self._finish()
        raise StopIteration

    def close(self) -> None:
        """End the process. Safe to repeat."""
        self._ended = True
        self._confined.close()

    def _finish(self) -> None:
        declared = self._confined.report()["declared"]
        if self._samples == 0:
            raise MediaError("The file contains no sound that can be played.", code="empty_media")
        if declared is not None and self.heard < declared / 2:
            self.warnings = (f"The recording is cut short: {self.heard:.1f} of {declared:.1f} seconds could be read.",)

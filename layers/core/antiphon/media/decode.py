"""A recording as samples, block by block: memory does not grow with its length."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cached_property
from types import TracebackType
from typing import Self

import numpy as np

from antiphon.engines.ports import SAMPLE_RATE
from antiphon.media.confined import Confined
from antiphon.media.model import Limits, Probe
from antiphon.platform.errors import MediaError

_BLOCK = SAMPLE_RATE
"""Samples in one block: a second."""


class Decoding:
    """An iterator over blocks of float32, mono, 16 kHz, shape (samples,), in [-1, 1], each a second long but the last.

    It works ahead of its reader from the moment it is made, as far as the pipe holds. Iterating raises MediaError when the
    recording turns out to be unusable; all blocks before are good. Leaving the context ends the process at any point.

    ``probe``, ``duration``: what the file says of itself; waits for the decoder to have looked, and raises MediaError.
    ``decoded``: seconds from the beginning of the recording up to which it was read.
    ``truncated``: True when less than half of what the file declares was there (known at the end).
    ``warnings``: sentences for the user, complete at the end.
    """

    def __init__(self, path: str | os.PathLike[str], limits: Limits, start: float) -> None:
        if start < 0:
            raise ValueError("start must not be negative")
        skipped = round(start * SAMPLE_RATE)
        self._confined = Confined("decode", path, limits, str(skipped))
        self._position = skipped
        self._ended = False
        self.truncated = False
        self.warnings: tuple[str, ...] = ()

    @property
    def pid(self) -> int:
        """Of the process that decodes."""
        return self._confined.pid

    @cached_property
    def probe(self) -> Probe:
        return self._confined.probe()

    @property
    def duration(self) -> float | None:
        return self.probe.duration

    @property
    def decoded(self) -> float:
        return self._position / SAMPLE_RATE

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
        self.probe  # noqa: B018 - the samples come after it
        data = self._confined.output.read(_BLOCK * 2)
        if data:
            # A child that was killed may have left a part of a sample.
            block = np.frombuffer(data, "<i2", count=len(data) // 2).astype(np.float32) / 32768
            self._position += len(block)
            return block
        self._ended = True
        self._finish()
        raise StopIteration

    def close(self) -> None:
        """End the process. Safe to repeat."""
        self._ended = True
        self._confined.close()

    def _finish(self) -> None:
        report = self._confined.report()
        samples, declared = report["samples"], report["declared"]
        if samples == 0:
            raise MediaError("The file contains no sound that can be played.", code="empty_media")
        self._position = samples
        if declared is not None and self.decoded < declared / 2:
            self.truncated = True
            self.warnings = (
                f"The recording is cut short: {self.decoded:.1f} of {declared:.1f} seconds could be read.",
            )


def decode(path: str | os.PathLike[str], limits: Limits | None = None, *, start: float = 0.0) -> Decoding:
    """Begin to decode. The first ``start`` seconds are decoded and dropped, so that what follows is, to the sample, what an unbroken run gives.

    Raises MediaError (``empty_media``) for a file without a byte; all else is raised while iterating: ``unsupported_media undecodable_media
    no_audio empty_media media_out_of_bounds media_too_long``.
    """
    return Decoding(path, limits or Limits(), start)

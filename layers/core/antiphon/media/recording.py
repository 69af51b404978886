"""A recording opened for the worker: looked into first, then decoded from where the job stands."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from antiphon.media.decode import Decoding, decode
from antiphon.media.model import Limits
from antiphon.media.probe import probe

if TYPE_CHECKING:
    import numpy as np


class Recording:
    """Blocks of float32, mono, 16 kHz; ``duration``: seconds as the file declares, or None."""

    def __init__(self, decoding: Decoding, duration: float | None) -> None:
        self._decoding = decoding
        self.duration = duration

    @property
    def decoded(self) -> float:
        return self._decoding.decoded

    @property
    def warnings(self) -> tuple[str, ...]:
        return self._decoding.warnings

    def __iter__(self) -> Iterator[np.ndarray]:
        return iter(self._decoding)


@contextmanager
def opened(path: Path, start: float, limits: Limits) -> Iterator[Recording]:
    """start: seconds that are skipped, to the sample. The decoder works ahead as far as its pipe holds. Raises MediaError."""
    found = probe(path, limits)
    with decode(path, limits, start=start) as decoding:
        yield Recording(decoding, found.duration)

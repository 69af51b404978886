"""A whole recording, decoded into a file, for those steps that need to look at all of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

SAMPLE_BYTES = 4
"""230 MB an hour on disk; in memory is what is looked at."""


@contextmanager
def decoded(blocks: Iterable[np.ndarray], path: Path, check: Callable[[], None]) -> Iterator[NDArray[np.float32]]:
    """The samples: float32, mono, shape (samples,), mapped from the file, which goes with them. check: called between blocks."""
    with path.open("wb") as file:
        for block in blocks:
            file.write(np.clip(np.nan_to_num(block), -1.0, 1.0).astype("<f4").tobytes())
            check()
    try:
        if path.stat().st_size < SAMPLE_BYTES:
            yield np.zeros(0, np.float32)
            return
        # Copy on write, never written: torch asks for an array that it could write to.
        yield np.memmap(path, dtype="<f4", mode="c")
    finally:
        path.unlink()

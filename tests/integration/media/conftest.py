"""What the media tests watch: the decoder's processes and descriptors, and the memory of this one."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from antiphon.media.decode import decode
from antiphon.media.model import Limits


@pytest.fixture
def nothing_left() -> Iterator[None]:
    """After the test there are as many descriptors as before, and no child of this process, living or dead."""
    before = set(os.listdir("/proc/self/fd"))
    yield
    assert len(set(os.listdir("/proc/self/fd"))) <= len(before)
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


@pytest.fixture
def resident() -> Callable[[], int]:
    """Bytes of memory that this process holds now."""

    def measured() -> int:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    return measured


def samples_of(path: Path, limits: Limits | None = None, *, start: float = 0.0) -> np.ndarray:
    with decode(path, limits, start=start) as stream:
        return np.concatenate([*stream, np.zeros(0, np.float32)])

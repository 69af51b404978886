"""What the media tests watch: the decoder's processes and descriptors, and the memory of this one."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from antiphon.media.decode import decode
from antiphon.media.model import Limits


def children() -> set[str]:
    """Processes of this one, living or dead and not yet waited for. Those of other suites may be among them."""
    return {pid for task in Path("/proc/self/task").iterdir() for pid in (task / "children").read_text().split()}


@pytest.fixture
def nothing_left() -> Iterator[None]:
    """After the test there are no more descriptors than before, and no further child of this process, living or dead."""
    descriptors, before = set(os.listdir("/proc/self/fd")), children()
    yield
    assert len(set(os.listdir("/proc/self/fd"))) <= len(descriptors)
    assert children() - before == set()


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

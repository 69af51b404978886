"""A recording that arrives in blocks, held only as far as an engine looks ahead."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Recording:
    """audio: blocks of float32, mono, shape (samples,), of any length; read lazily."""

    def __init__(self, audio: Iterable[np.ndarray]) -> None:
        self._blocks = iter(audio)
        self._held: deque[NDArray[np.float32]] = deque()

    def up_to(self, samples: int) -> tuple[NDArray[np.float32], bool]:
        """The next ``samples`` samples in [-1, 1], fewer only at the end of the recording; and whether that is the end."""
        have = sum(map(len, self._held))
        while have < samples:
            block = next(self._blocks, None)
            if block is None:
                break
            self._held.append(np.clip(np.nan_to_num(block), -1.0, 1.0).astype(np.float32))
            have += len(block)
        parts, missing = [np.zeros(0, np.float32)], samples
        for block in self._held:
            parts.append(block[:missing])
            missing -= len(parts[-1])
        return np.concatenate(parts), have < samples

    def drop(self, samples: int) -> None:
        """Let go of the first ``samples`` samples, of which ``up_to`` has shown at least as many."""
        while samples:
            block = self._held.popleft()
            if len(block) > samples:
                self._held.appendleft(block[samples:])
            samples -= min(samples, len(block))

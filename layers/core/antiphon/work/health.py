"""Whether a worker gets on: it touches a file as it goes, and `python -m antiphon.work.health FILE SECONDS` says whether that was lately.

A process that hangs, say in a GPU that does not answer, still runs and still keeps its message. The file tells: it is touched by the
loop that takes messages and between two chunks of a job, and by nothing else that could go on without them.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

EVERY = 1.0
"""Seconds between two touches, at least."""


class Pulse:
    """file: touched at each call, but not more often than once in a while. None: outside containers nobody looks."""

    def __init__(self, file: Path | None, now: Callable[[], float] = time.monotonic) -> None:
        self._file = file
        self._now = now
        self._last: float | None = None
        if file:
            file.parent.mkdir(parents=True, exist_ok=True)

    def __call__(self) -> None:
        now = self._now()
        if self._file and (self._last is None or now - self._last >= EVERY):
            self._last = now
            self._file.touch()


def trouble(file: Path, stale_after: float) -> str | None:
    """What is wrong with the worker that touches the file, in a sentence."""
    try:
        age = time.time() - file.stat().st_mtime
    except FileNotFoundError:
        return f"{file} is not there: no worker has begun"
    return f"{file} was touched {age:.0f} s ago: the worker hangs" if age > stale_after else None


def main(arguments: Sequence[str]) -> int:
    file, seconds = arguments
    found = trouble(Path(file), float(seconds))
    if found:
        print(found)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""A fake shelf, for tests."""

from __future__ import annotations

from collections.abc import Callable

from antiphon.weights.ports import Interrupted


class MemoryShelf:
    """``reads``: every (key, start, end), in order. interrupt: says whether this read, the n-th, breaks off."""

    def __init__(self, interrupt: Callable[[int], bool] = lambda _: False) -> None:
        self.objects: dict[str, bytes] = {}
        self.reads: list[tuple[str, int, int]] = []
        self._interrupt = interrupt

    def address(self, key: str) -> str:
        return f"memory://{key}"

    def size(self, key: str) -> int | None:
        found = self.objects.get(key)
        return None if found is None else len(found)

    def read(self, key: str, start: int, end: int) -> bytes:
        self.reads.append((key, start, end))
        if self._interrupt(len(self.reads)):
            raise Interrupted("the line broke")
        return self.objects[key][start:end]

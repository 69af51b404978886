"""Metrics that can be looked at, for tests."""

from __future__ import annotations

from antiphon.platform.metrics import checked


class MemoryMetrics:
    """``seen``: name, value and dimensions of each, in order."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, float, dict[str, str]]] = []

    def put(self, name: str, value: float = 1, **dimensions: str) -> None:
        checked(name, dimensions)
        self.seen.append((name, value, dimensions))

"""A fake of the limiter, for tests."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from datetime import datetime

from antiphon.platform.limits import window_of


class MemoryLimiter:
    def __init__(self) -> None:
        self._counts: dict[tuple[str, int], Counter[str]] = {}
        self._lock = threading.Lock()

    def count(self, subject: str, limits: Mapping[str, int], now: datetime) -> Mapping[str, int] | None:
        with self._lock:
            counts = self._counts.setdefault((subject, window_of(now)[0]), Counter())
            if any(counts[name] >= limit for name, limit in limits.items()):
                return None
            counts.update(limits.keys())
            return {name: counts[name] for name in limits}

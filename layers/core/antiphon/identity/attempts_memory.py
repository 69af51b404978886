"""A fake of the attempts, for tests."""

from __future__ import annotations

import threading
from datetime import datetime

from antiphon.identity.attempts import Tried


class MemoryAttempts:
    def __init__(self) -> None:
        self._tried: dict[str, Tried] = {}
        self._before: dict[str, datetime] = {}
        self._lock = threading.Lock()

    def add(self, subject: str, below: int, now: datetime) -> bool:
        with self._lock:
            count = self._tried[subject].count if subject in self._tried else 0
            if count < below:
                self._tried[subject] = Tried(count + 1, now)
            return count < below

    def get(self, subject: str) -> Tried | None:
        return self._tried.get(subject)

    def replace(self, subject: str, before: Tried, after: Tried) -> bool:
        with self._lock:
            same = self._tried.get(subject) == before
            if same:
                self._tried[subject] = after
                self._before[subject] = before.at
            return same

    def take_back(self, subject: str) -> None:
        with self._lock:
            known = self._tried.get(subject)
            if known and known.count > 0:
                self._tried[subject] = Tried(known.count - 1, self._before.pop(subject, known.at))

    def clear(self, subject: str) -> None:
        self._tried.pop(subject, None)
        self._before.pop(subject, None)

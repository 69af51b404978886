"""A fake of the counters, for tests."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime

from antiphon.speech.model import Kind
from antiphon.tally.model import NAMES, Span, hour_of, opened


class MemoryTally:
    def __init__(self) -> None:
        self._counted: set[str] = set()
        self._hours: dict[datetime, Counter[str]] = {}

    def add(self, event_id: str, at: datetime, counts: Mapping[str, int]) -> bool:
        if unknown := counts.keys() - set(NAMES):
            raise KeyError(*sorted(unknown))
        if event_id in self._counted:
            return False
        self._counted.add(event_id)
        self._hours.setdefault(hour_of(at), Counter()).update(counts)
        return True

    def open(self) -> Mapping[Kind, int]:
        return opened(sum(self._hours.values(), Counter()))

    def hours(self, since: datetime, until: datetime) -> Iterator[Span]:
        yield from (Span(at, dict(counts)) for at, counts in sorted(self._hours.items()) if since <= at < until)

"""Tokens that all models cost today, in the table."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta

from pynamodb.attributes import NumberAttribute

from antiphon.engines.chat import ModelError
from antiphon.platform.clock import Clock
from antiphon.platform.table import Row, Table

SHARDS = 4
"""Rows of one day, so that none is hot."""
TRUE_FOR = 5.0
"""Seconds for which a sum that was read is taken for true."""
KEEP = timedelta(days=40)


class DayRow(Row):
    tokens = NumberAttribute()


def daily_cap(table: Table, limit: int, clock: Clock) -> DynamoDailyCap | None:
    """limit: 0 for none."""
    return DynamoDailyCap(table, limit, clock) if limit else None


class DynamoDailyCap:
    """limit: tokens of all models together in a day, UTC."""

    def __init__(self, table: Table, limit: int, clock: Clock, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._rows = table.bind(DayRow)
        self._limit = limit
        self._clock = clock
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._known: tuple[str, float, int] = ("", 0.0, 0)

    def check(self) -> None:
        now = self._clock()
        if self._spent(now) < self._limit:
            return
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
        raise ModelError(
            "The models of this deployment have answered as much as they may in one day; ask again tomorrow (UTC).",
            code="budget_exhausted",
            retry_after=max(1, round((midnight - now).total_seconds())),
        )

    def add(self, tokens: int) -> None:
        now = self._clock()
        row = self._rows(f"day#{now:%Y-%m-%d}", f"spent#{random.randrange(SHARDS)}")
        row.update(
            [
                self._rows.tokens.add(tokens),
                self._rows.row.set("day"),
                self._rows.ttl.set(int((now + KEEP).timestamp())),
            ]
        )

    def percent(self) -> float:
        """Of the day's tokens that are spent."""
        return 100 * self._spent(self._clock()) / self._limit

    def _spent(self, now: datetime) -> int:
        day = f"{now:%Y-%m-%d}"
        with self._lock:
            known, at, spent = self._known
            if known == day and self._monotonic() - at < TRUE_FOR:
                return spent
            spent = sum(int(row.tokens) for row in self._rows.query(f"day#{day}"))
            self._known = (day, self._monotonic(), spent)
            return spent

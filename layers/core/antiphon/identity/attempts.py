"""Guessing passwords costs time: after ten wrong ones in a row each next try has to wait, twice as long as the one before.

Counted per account, known or not, and per network. A try is counted before its password is looked at, and taken back when it was right:
so many at the same time are no more than so many one after the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from antiphon.platform.clock import Clock
from antiphon.platform.errors import TooMany

FREE = 10
"""Wrong passwords in a row for one account that cost nothing."""
FIRST_WAIT, LONGEST_WAIT = timedelta(seconds=1), timedelta(minutes=15)
FORGOTTEN_AFTER = timedelta(hours=1)
"""Without a try, all earlier ones are forgotten."""


@dataclass(frozen=True)
class Tried:
    """count: tries since the last right one; at: of the last."""

    count: int
    at: datetime


def wait_after(count: int, free: int) -> timedelta:
    """How long the next try has to wait after so many."""
    if count < free:
        return timedelta(0)
    return min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(20, count - free))


class AttemptStore(Protocol):
    def add(self, subject: str, below: int, now: datetime) -> bool:
        """One more try, if there were fewer than ``below`` since the last right one."""

    def get(self, subject: str) -> Tried | None: ...

    def replace(self, subject: str, before: Tried, after: Tried) -> bool:
        """If it still is as it was read."""

    def take_back(self, subject: str) -> None:
        """One try fewer; after a `replace` the last one is again the one before it, so that nobody waits for a try that was right."""

    def clear(self, subject: str) -> None: ...


class Attempts:
    """network_free: tries of one network that cost nothing; many people share one."""

    def __init__(self, store: AttemptStore, clock: Clock, network_free: int) -> None:
        self._store = store
        self._clock = clock
        self._network_free = network_free

    def begin(self, account: str, network: str) -> None:
        """account: as `email_key` gives it. Raises TooMany ``too_many_attempts``, and then the password must not be looked at."""
        self._begin(f"network#{network}", self._network_free)
        try:
            self._begin(f"account#{account}", FREE)
        except TooMany:
            self._store.take_back(f"network#{network}")
            raise

    def succeeded(self, account: str, network: str) -> None:
        self._store.take_back(f"network#{network}")
        self.clear(account)

    def clear(self, account: str) -> None:
        """Whoever got a new password by mail begins anew."""
        self._store.clear(f"account#{account}")

    def _begin(self, subject: str, free: int) -> None:
        now = self._clock()
        if self._store.add(subject, free, now):
            return
        tried = self._store.get(subject)
        if tried is None:
            return
        due = tried.at + wait_after(tried.count, free)
        if now < due:
            raise _wait(due - now)
        afresh = now - tried.at >= FORGOTTEN_AFTER
        if not self._store.replace(subject, tried, Tried(1 if afresh else tried.count + 1, now)):
            raise _wait(wait_after(tried.count + 1, free))


def _wait(span: timedelta) -> TooMany:
    seconds = max(1, -int(-span.total_seconds() // 1))
    return TooMany(
        f"Too many wrong passwords; wait {seconds} seconds, or ask for a new password by mail.",
        code="too_many_attempts",
        retry_after=seconds,
    )

"""What has happened in each hour, in all accounts together: numbers, and nothing of whom they come from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

from antiphon.speech.model import Kind

OF_JOBS = (
    "accepted",
    "retried",
    "started",
    "succeeded",
    "failed",
    "rejected",
    "canceled",
    "expired",
    "queued_ms",
    "busy_ms",
    "audio_ms",
    "characters",
)
"""Counted for each kind of job. Whatever was accepted or retried has succeeded, failed or was canceled, or is open. ``rejected``, ``expired``: uploads that
never became work; ``queued_ms``: until a worker began; ``busy_ms``, ``audio_ms``, ``characters``: of what has succeeded, copies left out."""
NAMES = (*(f"{kind.value}_{name}" for kind in Kind for name in OF_JOBS), "deliveries", "tokens")
"""All counters. ``deliveries``: of webhooks, that were begun; ``tokens``: of the replies in conversations."""
OPENED: Mapping[str, int] = MappingProxyType(
    {"accepted": 1, "retried": 1, "succeeded": -1, "failed": -1, "canceled": -1}
)
"""How many jobs more are open with each of these."""
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@dataclass(frozen=True)
class Span:
    """An hour or a day, from ``at`` on; what is not in ``counts`` did not happen."""

    at: datetime
    counts: Mapping[str, int]


def opened(counts: Mapping[str, int]) -> Mapping[Kind, int]:
    """How many jobs of each kind more are open after what was counted; kinds of which it says nothing are left out."""
    found = {kind: sum(sign * counts.get(f"{kind.value}_{name}", 0) for name, sign in OPENED.items()) for kind in Kind}
    return {kind: number for kind, number in found.items() if number}


def hour_of(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def day_of(moment: datetime) -> datetime:
    return hour_of(moment).replace(hour=0)


def by_day(hours: Iterable[Span]) -> Iterator[Span]:
    """hours: in order."""
    days: dict[datetime, Counter[str]] = {}
    for hour in hours:
        days.setdefault(day_of(hour.at), Counter()).update(hour.counts)
    for at, counts in days.items():
        yield Span(at, counts)

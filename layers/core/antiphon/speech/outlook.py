"""When a job will be done, what it will cost, and how many are before it: from the row of its lane and the lane's depth, never by looking at other jobs.

A job that is queued is given a *ticket*: jobs taken from the lane so far, and messages in it, and one. Its place is the ticket less what was taken since. Lanes are fair to
users, so another one's job may be taken before it, or it before others: the place is that of a plain line.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from antiphon.platform.clock import Clock
from antiphon.speech.metering import measured_usd
from antiphon.speech.model import Job, Kind, Status
from antiphon.speech.pace import Paces, amount_of
from antiphon.speech.prices import usd

Ticket = Callable[[Kind, str], int | None]
"""Of a kind and lane: what `Outlooks.ticket` gives."""


def no_ticket(kind: Kind, lane: str) -> int | None:
    """Where nobody looks at the lane: the place of a job is then that of the last in it."""
    return None


Quote = Callable[[Kind, str, float], float | None]
"""Of a kind, lane and amount: dollars."""


def no_quote(kind: Kind, lane: str, amount: float) -> float | None:
    """Where nobody looks at the pace."""
    return None


MEASURED = frozenset({Kind.TRANSCRIPTION, Kind.SPEECH})
"""Kinds whose lanes and workers are looked at."""


@dataclass(frozen=True)
class Depth:
    """Of a lane: messages that wait, and those that workers have in hand."""

    waiting: int
    in_hand: int


class Depths(Protocol):
    def depth(self, kind: Kind, lane: str) -> Depth: ...


@dataclass(frozen=True)
class Eta:
    """``error``: seconds by which it has been off as of late, for a job as long as this one."""

    at: datetime
    error: float


@dataclass(frozen=True)
class Cost:
    gpu_seconds: float
    usd: float


@dataclass(frozen=True)
class Outlook:
    queue_position: int | None = None
    eta: Eta | None = None


NOTHING_AHEAD = Outlook()


@dataclass(frozen=True)
class Estimate:
    """``amount``: seconds of audio or characters; with it None, so is what follows from it."""

    amount: float | None
    cost: Cost | None
    queue_position: int
    eta: Eta | None


def cost_of(job: Job) -> Cost | None:
    """What was measured so far; None before a worker had it."""
    if not job.busy_ms:
        return None
    return Cost(round(job.busy_ms / 1000, 3), measured_usd(job))


def quotes(paces: Paces, clock: Clock) -> Quote:
    """As the lane goes at the moment."""

    def quote(kind: Kind, lane: str, amount: float) -> float | None:
        return usd(amount * paces.get(kind, lane).unit_ms / 1000, clock()) if kind in MEASURED else None

    return quote


class Outlooks:
    def __init__(self, *, paces: Paces, depths: Depths, clock: Clock) -> None:
        self._paces = paces
        self._depths = depths
        self._clock = clock

    def ticket(self, kind: Kind, lane: str) -> int | None:
        """For a job that is about to be queued."""
        if kind not in MEASURED:
            return None
        return self._paces.get(kind, lane).taken + self._depths.depth(kind, lane).waiting + 1

    def of(self, job: Job) -> Outlook:
        now = self._clock()
        if job.kind not in MEASURED or job.status not in (Status.QUEUED, Status.RUNNING):
            return NOTHING_AHEAD
        pace, amount = self._paces.get(job.kind, job.lane), amount_of(job)
        if job.status is Status.RUNNING:
            if job.progress:
                left = job.busy_ms * (100 - job.progress) / job.progress
            elif amount:
                left = max(0.0, amount * pace.unit_ms - job.busy_ms)
            else:
                return NOTHING_AHEAD
            return Outlook(eta=_eta(max(now, job.metered_at or now), left, pace.off))
        depth = self._depths.depth(job.kind, job.lane)
        place = depth.waiting if job.ticket is None else job.ticket - pace.taken
        place = max(1, min(place, depth.waiting))
        before = (place - 1) * pace.job_ms / max(1, depth.in_hand)
        own = amount * pace.unit_ms * (100 - job.progress) / 100 if amount else pace.job_ms
        return Outlook(place, _eta(now, before + own, pace.off))

    def estimate(self, kind: Kind, lane: str, amount: float | None) -> Estimate:
        """Of a job that is not there yet."""
        now, pace, depth = self._clock(), self._paces.get(kind, lane), self._depths.depth(kind, lane)
        before = depth.waiting * pace.job_ms / max(1, depth.in_hand)
        if amount is None:
            return Estimate(None, None, depth.waiting + 1, None)
        own = amount * pace.unit_ms
        cost = Cost(round(own / 1000, 3), usd(own / 1000, now))
        return Estimate(amount, cost, depth.waiting + 1, _eta(now, before + own, pace.off))


def _eta(now: datetime, ms: float, off: float) -> Eta:
    return Eta(now + timedelta(milliseconds=ms), round(off * ms / 1000, 3))

"""How fast work has gone in a lane as of late, and how many jobs its workers took: what is known without looking at any job.

One row for each kind and lane. A worker adds one to ``taken`` whenever it takes a job, and mixes what a finished job took into the averages; where two workers
write at once the last one stays, which an average bears. ``taken`` may be off by what a lost answer counted twice: only its growth is used.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Protocol

from antiphon.speech.model import Job, Kind, Status
from antiphon.speech.ports import JobStore
from antiphon.work.lease import Lease
from antiphon.work.worker import Work

WEIGHT = 0.2
"""Of the newest job in the averages."""


@dataclass(frozen=True)
class Pace:
    """``unit_ms``: of a worker for a second of audio or for a character; ``job_ms``: for a job; ``off``: how far the estimate was from what a job took, as a part of the
    estimate; ``jobs``: how many the averages come from."""

    unit_ms: float
    job_ms: float
    off: float = 1.0
    jobs: int = 0
    taken: int = 0


FIRST = {Kind.TRANSCRIPTION: Pace(unit_ms=50.0, job_ms=30_000.0), Kind.SPEECH: Pace(unit_ms=2.0, job_ms=5_000.0)}
"""Before the first job of a lane ended: with an error of all of it."""


class Paces(Protocol):
    def get(self, kind: Kind, lane: str) -> Pace: ...

    def took(self, kind: Kind, lane: str) -> None: ...

    def learn(self, kind: Kind, lane: str, pace: Pace) -> None:
        """All but ``taken``."""


def amount_of(job: Job) -> float | None:
    """Seconds of audio or characters; None where that is not known yet."""
    if job.kind is Kind.TRANSCRIPTION:
        return job.duration
    return float(job.characters) if job.characters is not None else None


def mixed(pace: Pace, amount: float, busy_ms: float) -> Pace:
    """The averages with one more job in them. amount: above 0."""
    unit = busy_ms / amount
    if pace.jobs == 0:
        return replace(pace, unit_ms=unit, job_ms=busy_ms, jobs=1)
    expected = pace.unit_ms * amount
    off = abs(busy_ms - expected) / expected if expected else 1.0
    return replace(
        pace,
        unit_ms=_mix(pace.unit_ms, unit),
        job_ms=_mix(pace.job_ms, busy_ms),
        off=min(1.0, off if pace.jobs == 1 else _mix(pace.off, off)),
        jobs=pace.jobs + 1,
    )


def _mix(old: float, new: float) -> float:
    return (1 - WEIGHT) * old + WEIGHT * new


def _lane_kind(kind: Kind) -> Kind:
    """What is transcribed, and its steps on their own, come over one lane."""
    return Kind.SPEECH if kind is Kind.SPEECH else Kind.TRANSCRIPTION


class Paced:
    """Work that tells how it went."""

    def __init__(self, work: Work, store: JobStore, paces: Paces) -> None:
        self._work = work
        self._store = store
        self._paces = paces

    def prepare(self, job: Job) -> Any:
        return self._work.prepare(job)

    def discard(self, prepared: Any) -> None:
        self._work.discard(prepared)

    def remaining(self) -> float | None:
        return self._work.remaining()

    def run(self, job: Job, lease: Lease, prepared: Any) -> None:
        self._paces.took(_lane_kind(job.kind), job.lane)
        self._work.run(job, lease, prepared)
        done = self._store.get(job.user_id, job.kind, job.id)
        amount = amount_of(done) if done else None
        if done and amount and job.kind in FIRST and done.status is Status.SUCCEEDED and not done.copied:
            self._paces.learn(job.kind, job.lane, mixed(self._paces.get(job.kind, job.lane), amount, done.busy_ms))

"""A job while it is worked on, told piece by piece to whoever watches, and from any piece on.

The place of a watcher is two numbers: the version of the job that it was told of, and the index of the last segment (or sentence) that it has. Segments are stored in the
transaction that raises the version, so whoever reads the job first and its segments then misses none; the index tells which are new.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from antiphon.platform.errors import Invalid
from antiphon.speech.model import Job, Kind
from antiphon.speech.ports import JobStore, Mark, Numbered

FIRST_PAUSE, LAST_PAUSE, GROWTH = 0.2, 2.0, 1.5
"""Seconds between two looks, while nothing happens."""
MOST = 100
"""Pieces that are read at a time."""
Sleep = Callable[[float], Awaitable[Any]]
_PLACE = re.compile(r"(\d{1,10})\.(\d{1,10})(\.end)?")


@dataclass(frozen=True)
class Place:
    """``version``: 0 for nothing told; ``next``: the index of the first segment that is missing; ``ended``: nothing more comes."""

    version: int = 0
    next: int = 0
    ended: bool = False

    def __str__(self) -> str:
        return f"{self.version}.{self.next}{'.end' if self.ended else ''}"

    @classmethod
    def read(cls, text: str) -> Place:
        """Raises Invalid."""
        match = _PLACE.fullmatch(text)
        if match is None:
            raise Invalid("Last-Event-ID: send the id of an event of this job.", code="bad_event_id")
        return cls(int(match[1]), int(match[2]), match[3] is not None)


@dataclass(frozen=True)
class Told:
    """One event: the job as it is now, or a ``piece`` of it. ``place``: after it."""

    name: str
    job: Job
    place: Place
    piece: Numbered | Mark | None = None


class Watch:
    def __init__(self, jobs: JobStore, sleep: Sleep = asyncio.sleep) -> None:
        self._jobs = jobs
        self._sleep = sleep

    async def __call__(self, job: Job, place: Place, *, seconds: float) -> AsyncIterator[Told]:
        """Ends with the job, when it is deleted, or after about so many seconds: who wants more comes back with the place."""
        told: Job | None = None
        pause, watched = FIRST_PAUSE, 0.0
        while True:
            found = await asyncio.to_thread(self._jobs.get, job.user_id, job.kind, job.id)
            if found is None:
                return
            job = found
            if job.version != place.version or told is None:
                async for piece in self._pieces(job, place):
                    place = piece.place
                    yield piece
                news = told is None or (job.status, job.stage) != (told.status, told.stage)
                name = _end(job) if job.terminal else "status" if news else "progress"
                if job.version != place.version or job.terminal:
                    place = Place(job.version, place.next, job.terminal)
                    yield Told(name, job, place)
                told, pause = job, FIRST_PAUSE
            if job.terminal or watched >= seconds:
                return
            await self._sleep(pause)
            watched += pause
            pause = min(LAST_PAUSE, pause * GROWTH)

    async def _pieces(self, job: Job, place: Place) -> AsyncIterator[Told]:
        while True:
            found = await asyncio.to_thread(partial(self._read, job, place.next))
            for piece in found:
                place = Place(place.version, piece.index + 1)
                yield Told("segment" if isinstance(piece, Numbered) else "sentence", job, place, piece)
            if len(found) < MOST:
                return

    def _read(self, job: Job, first: int) -> Sequence[Numbered | Mark]:
        if job.kind is Kind.TRANSCRIPTION:
            return list(self._jobs.segments(job.id, after=first - 1, limit=MOST))
        return [mark for mark in self._jobs.marks(job.id) if mark.index >= first][:MOST]


def _end(job: Job) -> str:
    return "done" if job.status == "succeeded" else "failed"

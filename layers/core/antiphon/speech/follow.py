"""Waiting for a job that somebody else works on: its row is read again and again, later and later."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from antiphon.platform.errors import NotFound
from antiphon.speech.model import Job, Kind
from antiphon.speech.ports import JobStore, Mark, Numbered

FIRST_PAUSE, LAST_PAUSE, GROWTH = 0.1, 2.0, 1.3
"""Seconds between two reads, and how they grow."""
Sleep = Callable[[float], Awaitable[Any]]


class Follow:
    def __init__(self, jobs: JobStore, sleep: Sleep = asyncio.sleep) -> None:
        self._jobs = jobs
        self._sleep = sleep

    async def changes(self, job: Job) -> AsyncIterator[Job]:
        """The job as it is, and as it is whenever it has changed; the last one has ended. Raises NotFound once it is deleted."""
        seen, pause = 0, FIRST_PAUSE
        while True:
            now = await self._read(job)
            if now.version != seen:
                # What is moving is looked at more often.
                seen, pause = now.version, FIRST_PAUSE
                yield now
                if now.terminal:
                    return
            await self._sleep(pause)
            pause = min(LAST_PAUSE, pause * GROWTH)

    async def ended(self, job: Job) -> Job:
        """Raises NotFound once it is deleted."""
        async for now in self.changes(job):
            job = now
        return job

    async def segments(self, job: Job) -> AsyncIterator[Numbered | Job]:
        """Each segment as soon as it is stored, each once and in order, and at last the job as it ended."""
        after = -1
        async for now in self.changes(job):
            for found in await asyncio.to_thread(self._segments, job.id, after):
                after = found.index
                yield found
            job = now
        yield job

    async def sentences(self, job: Job) -> AsyncIterator[Mark | Job]:
        """Each spoken sentence as soon as it is stored, each once and in order, and at last the job as it ended."""
        after = -1
        async for now in self.changes(job):
            # What lies beyond the checkpoint is of an earlier attempt whose text was cut otherwise.
            while (count := now.checkpoint.count - after - 1) > 0:
                found = await asyncio.to_thread(self._marks, job.id, after, count)
                if not found:
                    break
                for mark in found:
                    after = mark.index
                    yield mark
            job = now
        yield job

    def _marks(self, job_id: str, after: int, limit: int) -> list[Mark]:
        return list(self._jobs.marks(job_id, after=after, limit=limit))

    def _segments(self, job_id: str, after: int) -> list[Numbered]:
        return list(self._jobs.segments(job_id, after=after))

    async def _read(self, job: Job) -> Job:
        found = await asyncio.to_thread(self._jobs.get, job.user_id, Kind(job.kind), job.id)
        if found is None:
            raise NotFound("The job was deleted while it was waited for.", code="job_deleted")
        return found

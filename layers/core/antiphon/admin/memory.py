"""A fake of everybody's jobs, for tests: it passes the same contract suite as the real one."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from antiphon.admin.model import Sought
from antiphon.platform.pages import Page
from antiphon.speech.model import Job, Kind, Status


class MemoryAllJobs:
    """jobs: all there are, as they are when they are asked for."""

    def __init__(self, jobs: Iterable[Job]) -> None:
        self._jobs = jobs

    def page(self, sought: Sought, limit: int, position: str | None = None) -> Page[Job]:
        found = sorted(
            (
                job
                for job in self._jobs
                if sought.kind in (None, job.kind)
                and sought.status in (None, job.status)
                and sought.user_id in (None, job.user_id)
                and (position is None or _age(job) < position)
            ),
            key=_age,
            reverse=True,
        )
        return Page(tuple(found[:limit]), _age(found[limit - 1]) if len(found) > limit else None)

    def find(self, job_id: str) -> Job | None:
        return next((job for job in self._jobs if job.id == job_id), None)

    def longest_queued(self, kind: Kind, lane: str) -> datetime | None:
        queued = [j for j in self._jobs if j.kind is kind and j.status is Status.QUEUED and lane in ("", j.lane)]
        return min((job.queued_at for job in queued if job.queued_at), default=None)

    def count(self, kind: Kind, status: Status) -> int:
        return sum(job.kind is kind and job.status is status for job in self._jobs)


def _age(job: Job) -> str:
    return job.id.partition("_")[2]

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol

from antiphon.admin.model import Depth, Sought
from antiphon.platform.pages import Page
from antiphon.speech.model import Job, Kind, Status


class AllJobs(Protocol):
    """Everybody's, found by keys. What has just changed may be found as it was before."""

    def page(self, sought: Sought, limit: int, position: str | None = None) -> Page[Job]:
        """Newest first."""

    def find(self, job_id: str) -> Job | None: ...

    def longest_queued(self, kind: Kind, lane: str) -> datetime | None:
        """Since when the oldest of the jobs is queued, among the hundred that were made first; lane: empty for any."""

    def count(self, kind: Kind, status: Status) -> int: ...


class Queues(Protocol):
    def depths(self) -> Sequence[Depth]:
        """Of all queues, as the service that keeps them counts: about."""

    def redrive(self, name: str, most: int) -> int:
        """Bring at most so many dead letters of the queue back to work, where they can be; gives their number."""


Again = Callable[[str, Kind, str], bool]
"""Brings a job (user, kind, id) back to its lane, where it can be; see speech.again."""

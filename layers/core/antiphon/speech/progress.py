"""The writes of a worker under its lease: each chunk in one transaction with the job's progress."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from antiphon.media.items import Media
from antiphon.platform.clock import Clock
from antiphon.speech import model
from antiphon.speech.model import Change, Job
from antiphon.speech.ports import Chunk, Holding, JobStore, Mark, Stale

QUIET = timedelta(milliseconds=500)
"""Between two progress events of one job."""


class Progress:
    """``job``: as it was last written. Every method raises LeaseLost when the job is not ours any more."""

    def __init__(self, store: JobStore, job: Job, *, owner: str, lease: timedelta, clock: Clock) -> None:
        self.job = job
        self._store = store
        self._owner = owner
        self._lease = lease
        self._clock = clock
        self._announced: datetime | None = None

    def advance(
        self,
        *,
        chunk: Chunk | None = None,
        mark: Mark | None = None,
        holding: Holding | None = None,
        quiet: bool = False,
        **found: Any,
    ) -> None:
        """found: what `model.advance` takes. quiet: no event, whatever the time. Raises Taken where somebody else holds that work."""
        now = self._clock()
        announce = not quiet and (self._announced is None or now - self._announced >= QUIET)

        def decide(job: Job, at: datetime) -> Change:
            return model.advance(job, owner=self._owner, lease=self._lease, now=at, announce=announce, **found)

        self._write(decide, chunk, mark, holding=holding)
        if announce:
            self._announced = now

    def refresh(self) -> None:
        self.job = model.held(self._store.get(self.job.user_id, self.job.kind, self.job.id), self._owner)

    def wait(self, behind: Job, work_key: str) -> None:
        """Raises Stale where that job has ended: then there is nothing to wait for."""
        change = model.wait(self.job, owner=self._owner, now=self._clock(), work_key=work_key)
        self._store.apply(change, behind=behind)

    def finish(self, *, media: Media | None = None, **found: Any) -> None:
        """media: a new item that the job made."""
        self._write(lambda job, at: model.finish(job, owner=self._owner, now=at, **found), media=media)

    def _write(
        self,
        decide: Callable[[Job, datetime], Change],
        chunk: Chunk | None = None,
        mark: Mark | None = None,
        media: Media | None = None,
        holding: Holding | None = None,
    ) -> None:
        while True:
            change = decide(self.job, self._clock())
            try:
                self._store.apply(change, chunk=chunk, mark=mark, media=media, holding=holding)
            except Stale:
                # Somebody changed what is theirs to change, a title for instance; or took the job away.
                self.refresh()
                continue
            self.job = change.after
            return

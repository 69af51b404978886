"""The writes of a worker under its lease: each chunk in one transaction with the job's progress."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from antiphon.media.items import Media
from antiphon.platform.clock import Clock
from antiphon.speech import model
from antiphon.speech.model import Change, Job
from antiphon.speech.ports import Chunk, JobStore, Mark, Stale

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
        self, *, chunk: Chunk | None = None, mark: Mark | None = None, quiet: bool = False, **found: Any
    ) -> None:
        """found: what `model.advance` takes. quiet: no event, whatever the time."""
        now = self._clock()
        announce = not quiet and (self._announced is None or now - self._announced >= QUIET)

        def decide(job: Job, at: datetime) -> Change:
            return model.advance(job, owner=self._owner, lease=self._lease, now=at, announce=announce, **found)

        self._write(decide, chunk, mark)
        if announce:
            self._announced = now

    def finish(self, *, media: Media | None = None, **found: Any) -> None:
        """media: a new item that the job made."""
        self._write(lambda job, at: model.finish(job, owner=self._owner, now=at, **found), media=media)

    def _write(
        self,
        decide: Callable[[Job, datetime], Change],
        chunk: Chunk | None = None,
        mark: Mark | None = None,
        media: Media | None = None,
    ) -> None:
        while True:
            change = decide(self.job, self._clock())
            try:
                self._store.apply(change, chunk=chunk, mark=mark, media=media)
            except Stale:
                # Somebody changed what is theirs to change, a title for instance; or took the job away.
                self.job = model.held(self._store.get(self.job.user_id, self.job.kind, self.job.id), self._owner)
                continue
            self.job = change.after
            return

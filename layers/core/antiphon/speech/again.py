"""A job whose message was given up goes back to its lane."""

from __future__ import annotations

from dataclasses import replace

from antiphon.platform.clock import Clock
from antiphon.platform.errors import NotFound
from antiphon.speech import model
from antiphon.speech.model import Change, Job, Kind, Status
from antiphon.speech.ports import JobStore
from antiphon.speech.retrying import change


class RetryDead:
    def __init__(self, *, jobs: JobStore, clock: Clock) -> None:
        self._jobs = jobs
        self._clock = clock

    def __call__(self, user_id: str, kind: Kind, job_id: str) -> bool:
        """Whether it goes to its lane again: not when it ended well, was canceled or is gone."""
        moved = False

        def decide(job: Job) -> Change | None:
            nonlocal moved
            now = self._clock()
            # A worker that died holds a running job until somebody claims it, and a claim needs a message just as a queued job does.
            if job.status is Status.QUEUED or (job.status is Status.RUNNING and not job.leased(now)):
                moved = True
                return model.dispatch_again(job, now)
            moved = job.status is Status.FAILED and job.source is not None
            # Counted, but not refused: the fault was ours, and one user's quota must not hold up the letters of all others.
            return replace(model.retry(job, now), bounded=frozenset()) if moved else None

        try:
            change(self._jobs, user_id, kind, job_id, decide)
        except NotFound:
            return False
        return moved

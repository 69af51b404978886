"""Jobs that go back to their lane: because somebody asks for it, or because the message was given up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from antiphon.platform.clock import Clock
from antiphon.platform.errors import Forbidden, NotFound
from antiphon.platform.request import Caller
from antiphon.speech import model
from antiphon.speech.model import Change, Job, Kind, Status
from antiphon.speech.ports import JobStore
from antiphon.speech.retrying import change


def retry_by(caller: Caller, clock: Clock) -> Callable[[Job], Change]:
    """What retries a job for this caller. Raises Forbidden: a key with a budget pays for its own jobs, not for others; Conflict as `model.retry`."""

    def decide(job: Job) -> Change:
        if caller.budget is not None and (job.budget is None or job.budget.key_id != caller.key_id):
            raise Forbidden(
                "A key with a budget may retry the jobs that it made; use another for this one.", code="not_of_this_key"
            )
        return model.retry(job, clock())

    return decide


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

"""What the janitor does for jobs: end what never arrived, and send again what was lost on its way to the lane."""

from __future__ import annotations

from collections import Counter
from typing import Protocol

from antiphon.platform.clock import Clock
from antiphon.platform.errors import NotFound
from antiphon.speech import model
from antiphon.speech.model import SWEEP_AFTER, Change, Failure, Job, Kind, Status
from antiphon.speech.ports import JobStore
from antiphon.speech.retrying import change

CRASHED = Failure(
    "worker_crashed",
    "The worker stopped several times while it had this job. Try it once more, or send the file in another format.",
)


class LaneState(Protocol):
    def is_idle(self, kind: Kind, lane: str) -> bool:
        """No message waits or is being worked on."""


class SweepJobs:
    def __init__(self, *, jobs: JobStore, lanes: LaneState, clock: Clock) -> None:
        self._jobs = jobs
        self._lanes = lanes
        self._clock = clock

    def due(self) -> Counter[str]:
        """Looks at every job whose moment has come; gives what was done how often."""
        done: Counter[str] = Counter()
        now = self._clock()
        for found in self._jobs.due(now):
            idle = found.status is Status.QUEUED and self._lanes.is_idle(found.kind, found.lane)

            def decide(job: Job, idle: bool = idle) -> Change | None:
                if job.due_at is None or job.due_at > now:
                    return None
                if job.status is Status.AWAITING_UPLOAD:
                    return model.expire(job, now)
                if job.status is Status.QUEUED and idle:
                    return model.dispatch_again(job, now)
                return model.postpone(job, now + SWEEP_AFTER) if job.status is Status.QUEUED else None

            try:
                after = change(self._jobs, found.user_id, found.kind, found.id, decide)
            except NotFound:  # removed since it was found
                done["gone"] += 1
                continue
            done["expired" if after.status is Status.EXPIRED else "dispatched" if idle else "postponed"] += 1
        return done

    def oldest(self) -> float:
        """Seconds for which the job has waited that has waited longest for a worker; 0 where none waits. The age of a queue's messages does not show it: a
        message that was received three times is left out of that, and a lost one has none."""
        now = self._clock()
        since = self._jobs.oldest_queued(now)
        return max(0.0, (now - since).total_seconds()) if since else 0.0

    def dead(self, user_id: str, kind: Kind, job_id: str) -> str | None:
        """Its message was given up by the lane. Gives what was done: ``failed``, ``dispatched`` or None for nothing.

        A running job whose lease has ended was held by workers that died of it. One that waits was handed back as often as the lane
        allows, by drains and deployments: no fault of the job, so it gets a new message.
        """
        done: str | None = None

        def decide(job: Job) -> Change | None:
            nonlocal done
            now = self._clock()
            if job.status is Status.QUEUED:
                done = "dispatched"
                return model.dispatch_again(job, now)
            if job.terminal or job.leased(now):
                done = None
                return None
            done = "failed"
            return model.fail(job, CRASHED, now)

        try:
            change(self._jobs, user_id, kind, job_id, decide)
        except NotFound:
            return None
        return done

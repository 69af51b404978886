"""The worker: takes one job after another until it is told to stop.

Nothing that happens to one job ends the worker, and nothing that happens to the worker loses a job: what it holds is a message that becomes visible
again, and a lease that runs out.
"""

from __future__ import annotations

import os
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Protocol

from antiphon.platform.clock import Clock
from antiphon.platform.errors import Conflict, JobError, LeaseLost
from antiphon.platform.metrics import UNMEASURED, Metrics
from antiphon.speech import model
from antiphon.speech.metering import QuotaExceeded
from antiphon.speech.model import Change, Failure, Job, Status
from antiphon.speech.ports import Crowded, JobStore, Stale
from antiphon.work.failures import verdict
from antiphon.work.health import Pulse
from antiphon.work.heartbeat import Heartbeat
from antiphon.work.inbox import Held, Inbox
from antiphon.work.lease import Drained, Lease, Waits
from antiphon.work.protection import Protection
from antiphon.work.queue import Lane, Message, MessageLost

if TYPE_CHECKING:
    from logging import Logger

MAX_FAILURES = 3
"""Of one round of a job; what may pass is tried again so often."""
TRIED = f"It was tried {MAX_FAILURES} times; retry the job later."
DRAIN = 15.0
"""Seconds that the running chunk has to end after a stop was asked for; then it is dropped."""
DROP = 4.0
"""Seconds that handing back a dropped chunk may take before the process ends all the same."""
SOON = 30.0
"""Seconds before the expected end of a job from which on the next one is fetched."""


class Work(Protocol):
    """What is done with a job of one kind."""

    def prepare(self, job: Job) -> Any:
        """Whatever can be done before the job is claimed. Never raises for what is wrong with the job: `run` will meet it again."""

    def discard(self, prepared: Any) -> None: ...

    def run(self, job: Job, lease: Lease, prepared: Any) -> None:
        """From the job's checkpoint to its end. Raises JobError, LeaseLost, Drained, Waits."""

    def remaining(self) -> float | None:
        """Seconds until the running job ends, as far as can be told."""


@dataclass(frozen=True)
class Outcome:
    """How a message ended: ``deleted``, ``later`` (seconds in ``delay``) or ``dropped`` (it is not ours any more)."""

    what: str
    delay: int = 0


class Worker:
    """pulse: called as long as work gets on (see health). between: called between two jobs, and while there is none; the next one waits for it."""

    def __init__(
        self,
        *,
        lanes: Sequence[Lane],
        store: JobStore,
        work: Work,
        lease: timedelta,
        clock: Clock,
        protection: Protection,
        logger: Logger,
        pulse: Callable[[], None] | None = None,
        metrics: Metrics = UNMEASURED,
        between: Callable[[], None] = lambda: None,
        drain: float = DRAIN,
        exit_now: Callable[[int], Any] = os._exit,
    ) -> None:
        self._store = store
        self._work = work
        self._lease = lease
        self._clock = clock
        self._protection = protection
        self._logger = logger
        self._pulse = pulse or Pulse(None)
        self._metrics = metrics
        self._between = between
        self._drain = drain
        self._exit = exit_now
        self._stopping = threading.Event()
        self._ended = threading.Event()
        self._running: tuple[Held, str] | None = None
        self.refused = False
        """Whether it stopped because its credentials were not taken any more."""
        self._inbox = Inbox(
            lanes,
            heartbeat=self._beat,
            prepare=self._prepare,
            discard=work.discard,
            refused=self._on_refused,
            clock=clock,
            logger=logger,
        )

    def stop(self) -> None:
        """Ends `run` soon; may be called from a signal handler, more than once."""
        self._stopping.set()

    def _on_refused(self) -> None:
        self.refused = True
        self.stop()

    def run(self) -> None:
        """Until `stop`. Returns with nothing held."""
        self._inbox.start()
        guard = threading.Thread(target=self._guard, daemon=True, name="drain-guard")
        guard.start()
        while not self._stopping.is_set():
            if self._inbox.polling:
                self._pulse()
            self._inbox.want(True, busy=False)
            self._between()
            held = self._inbox.take(0.2)
            if held is None:
                continue
            if self._stopping.is_set():
                self._inbox.give_back(held)
                break
            self._inbox.want(False, busy=True)
            watch = threading.Event()
            watcher = threading.Thread(target=self._look_ahead, args=(watch,), daemon=True, name="look-ahead")
            watcher.start()
            try:
                self.handle(held)
            finally:
                watch.set()
                watcher.join()
        self._inbox.close()
        self._ended.set()
        self._logger.info("drained")

    def deliver(self, lane: Lane, message: Message) -> Outcome:
        """One message that somebody else received, as Lambda's poller does: from now on it is hidden for a lease at a time. Never raises."""
        heartbeat = self._beat(lane, message)
        heartbeat.beat()
        heartbeat.start()
        return self.handle(Held(lane, message, heartbeat, self._clock()))

    def handle(self, held: Held) -> Outcome:
        """One message from claim to its end; never raises."""
        message = held.message
        try:
            outcome = self._handle(held)
        except Exception:
            self._work.discard(held.prepared)
            # A defect of ours, or the table does not answer: the message comes again when its visibility ends, at the latest.
            self._logger.exception("message failed", extra={"job_id": message.job_id})
            outcome = Outcome("later", int(self._lease.total_seconds()))
        held.heartbeat.stop()
        try:
            if outcome.what == "deleted":
                held.lane.delete(message)
            elif outcome.what == "later":
                held.lane.hide(message, outcome.delay)
        except MessageLost:
            self._logger.info("message lost at its end", extra={"job_id": message.job_id})
        except Exception as error:  # noqa: BLE001 - the job is safe; the message comes again and ends without work
            self._logger.warning("message not settled", extra={"job_id": message.job_id, "error": repr(error)})
        return outcome

    def _handle(self, held: Held) -> Outcome:
        if held.heartbeat.lost.is_set():  # while it waited here
            self._work.discard(held.prepared)
            return Outcome("dropped")
        owner = secrets.token_hex(8)
        found = self._claim(held.message, owner)
        if isinstance(found, Outcome):
            self._work.discard(held.prepared)
            return found
        held.heartbeat.attach(found)
        self._running = (held, owner)
        self._protection.set(True)
        started = time.monotonic()
        try:
            return self._work_on(found, held, owner)
        finally:
            self._running = None
            self._protection.set(False)
            seconds = round(time.monotonic() - started, 3)
            self._logger.info("job left", extra={"job_id": found.id, "seconds": seconds})
            self._metrics.put("WorkerSeconds", seconds, kind=found.kind.value)

    def _claim(self, message: Message, owner: str) -> Job | Outcome:
        while True:
            job = self._store.get(message.user_id, message.kind, message.job_id)
            if job is None or job.terminal:
                return Outcome("deleted")
            now = self._clock()
            if job.leased(now):
                if job.lease_owner == owner:  # our own claim, whose answer was lost
                    return job
                if job.message_id != message.id:  # a second message of a job that somebody works on
                    return Outcome("deleted")
                rest = (job.lease_expires_at or now) - now
                return Outcome("later", int(rest.total_seconds()) + 1)
            try:
                change = model.claim(job, owner=owner, message_id=message.id, lease=self._lease, now=now)
                self._store.apply(change)
            except Stale:
                continue
            except Crowded:
                if not self._parked(job):
                    continue
                return Outcome("deleted")
            except QuotaExceeded as error:  # the budget of its key has ended while it waited
                if self._refused(job, error):
                    return Outcome("deleted")
                continue
            except Conflict:  # it waits for its upload: no message should be here
                return Outcome("deleted")
            self._logger.info(
                "claimed", extra={"job_id": job.id, "attempt": change.after.attempts, "request_id": message.request_id}
            )
            return change.after

    def _refused(self, job: Job, error: QuotaExceeded) -> bool:
        """False where it was changed meanwhile."""
        failure, _ = verdict(error)
        try:
            self._store.apply(model.fail(job, failure, self._clock()))
        except Stale:
            return False
        self._logger.info("not begun", extra={"job_id": job.id, "code": failure.code})
        return True

    def _parked(self, job: Job) -> bool:
        """Whether it waits for its turn now: the publisher sends it a message when one of its owner's has ended, so none is received in vain."""
        try:
            self._store.apply(model.await_turn(job, self._clock()), crowded=True)
        except Stale:  # it was changed, or one has ended by now
            return False
        self._logger.info("waits for its turn", extra={"job_id": job.id})
        return True

    def _work_on(self, job: Job, held: Held, owner: str) -> Outcome:
        lease = Lease(owner, self._lease, held.heartbeat, self._stopping, self._pulse)
        try:
            self._work.run(job, lease, held.prepared)
            return Outcome("deleted")
        except Drained:
            self._settle(job, owner, lambda now_job, now: model.hand_back(now_job, owner=owner, now=now))
            return Outcome("later", 0)
        except Waits:
            self._logger.info("waits for another job", extra={"job_id": job.id})
            return Outcome("deleted")
        except LeaseLost:
            self._logger.info("gone from us", extra={"job_id": job.id})
            return Outcome("dropped")
        except Exception as error:  # noqa: BLE001 - whatever it is, the job must say so and the worker go on
            failure, retryable = verdict(error)
            told = isinstance(error, JobError | QuotaExceeded) and failure.detail == error.detail
            log = self._logger.info if told else self._logger.exception
            log("attempt failed", extra={"job_id": job.id, "code": failure.code})
            return self._failed(job, owner, failure, retryable)

    def _failed(self, job: Job, owner: str, failure: Failure, retryable: bool) -> Outcome:
        ended = False
        delay = 0

        def decide(now_job: Job, now: Any) -> Change:
            nonlocal ended, delay
            ended = not retryable or now_job.failures + 1 >= MAX_FAILURES
            delay = min(5 * 3**now_job.failures, 900)
            if ended:
                told = replace(failure, detail=f"{failure.detail} {TRIED}") if retryable else failure
                return model.fail(now_job, told, now, owner=owner)
            return model.hand_back(now_job, owner=owner, now=now, failure=failure)

        if not self._settle(job, owner, decide):
            return Outcome("dropped")
        return Outcome("deleted") if ended else Outcome("later", delay)

    def _settle(self, job: Job, owner: str, decide: Callable[[Job, Any], Change]) -> bool:
        """Write how the attempt ended, if the job still is ours."""
        while True:
            now_job = self._store.get(job.user_id, job.kind, job.id)
            try:
                self._store.apply(decide(model.held(now_job, owner), self._clock()))
            except Stale:
                continue
            except LeaseLost:
                return False
            return True

    def _beat(self, lane: Lane, message: Message) -> Heartbeat:
        return Heartbeat(lane, message, self._store, lease=self._lease, clock=self._clock, logger=self._logger)

    def _prepare(self, message: Message) -> Any:
        """Never raises: what fails here is met again when the job is run."""
        try:
            job = self._store.get(message.user_id, message.kind, message.job_id)
            return self._work.prepare(job) if job and job.status in (Status.QUEUED, Status.RUNNING) else None
        except Exception as error:  # noqa: BLE001 - whatever the network does, the lane is asked on
            self._logger.warning("not prepared", extra={"job_id": message.job_id, "error": repr(error)})
            return None

    def _look_ahead(self, done: threading.Event) -> None:
        """Opens the inbox when the running job is about to end, and gives back what waits too long, or at once when draining."""
        while not done.wait(0.1):
            if self._stopping.is_set():
                self._inbox.shut()
                return
            remaining = self._work.remaining()
            self._inbox.want(remaining is not None and remaining < SOON, busy=True)
            self._inbox.release_old()

    def _guard(self) -> None:
        """A chunk that does not end in time is dropped: the job goes back as it was stored, and the process ends."""
        self._stopping.wait()
        if self._ended.wait(self._drain):
            return
        dropping = threading.Thread(target=self._drop, daemon=True, name="drop")
        dropping.start()
        dropping.join(DROP)  # when even that hangs, the lease ends by itself
        self._exit(0)

    def _drop(self) -> None:
        running = self._running
        if running is None:
            return
        held, owner = running
        message = held.message
        try:
            job = self._store.get(message.user_id, message.kind, message.job_id)
            if job is not None:
                self._settle(job, owner, lambda now_job, now: model.hand_back(now_job, owner=owner, now=now))
            held.heartbeat.stop()
            held.lane.hide(message, 0)
        except MessageLost:
            self._logger.info("message lost while draining", extra={"job_id": message.job_id})
        except Exception:
            self._logger.exception("not handed back; the lease will end", extra={"job_id": message.job_id})
        self._logger.info("drained with a dropped chunk", extra={"job_id": message.job_id})

"""The sign of life of a worker: as long as it comes, message and job stay with it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from antiphon.platform.clock import Clock
from antiphon.platform.errors import LeaseLost
from antiphon.speech.model import Job
from antiphon.speech.ports import JobStore
from antiphon.work.queue import Lane, Message, MessageLost

if TYPE_CHECKING:
    from logging import Logger

BEATS = 3
"""Per lease: two may be missed."""
LONGEST = timedelta(hours=11, minutes=30)
"""SQS hides a message for 12 hours in all, whatever is asked for; before that the job goes back with its checkpoint."""


class Heartbeat:
    """Extends the message's visibility and, once a job is attached, its lease. Runs in a thread of its own until it is stopped or ``lost``.

    pause: waits between two beats, for so many seconds or until the event is set, and gives whether it is.
    """

    def __init__(
        self,
        lane: Lane,
        message: Message,
        store: JobStore,
        *,
        lease: timedelta,
        clock: Clock,
        logger: Logger,
        pause: Callable[[threading.Event, float], bool] = threading.Event.wait,
    ) -> None:
        self.lost = threading.Event()
        self.too_long = threading.Event()
        self._lane = lane
        self._message = message
        self._store = store
        self._lease = lease
        self._clock = clock
        self._logger = logger
        self._pause = pause
        self._job: Job | None = None
        self._began = self._last = clock()
        self._stop = threading.Event()
        self._beating = threading.Lock()
        self._thread = threading.Thread(target=self._run, daemon=True, name=f"heartbeat-{message.job_id[-6:]}")

    def start(self) -> None:
        self._thread.start()

    def attach(self, job: Job) -> None:
        """From now on the lease of this claimed job is renewed too."""
        with self._beating:
            self._job = job
            self._last = self._clock()

    def stop(self) -> None:
        """After this returns, nothing of the message or job is touched any more."""
        self._stop.set()
        with self._beating:
            self._job = None

    def beat(self) -> None:
        """One sign of life. Sets ``lost`` when message or lease are gone, or when nothing got through for a whole lease."""
        with self._beating:
            if self._stop.is_set():
                return
            now = self._clock()
            if now - self._began > LONGEST:
                self.too_long.set()
            try:
                self._lane.hide(self._message, int(self._lease.total_seconds()))
                if self._job:
                    self._store.renew(self._job, now + self._lease)
                self._last = now
            except (MessageLost, LeaseLost) as error:
                self._give_up(now, repr(error))
            except Exception as error:  # noqa: BLE001 - the network may fail in any way; the next beat tries again while the lease lasts
                self._logger.warning("heartbeat failed", extra={"job_id": self._message.job_id, "error": repr(error)})
                if now - self._last >= self._lease:
                    self._give_up(now, "no sign of life got through")

    def _give_up(self, now: datetime, reason: str) -> None:
        self._logger.warning("lease lost", extra={"job_id": self._message.job_id, "reason": reason})
        self.lost.set()
        self._stop.set()

    def _run(self) -> None:
        while not self._pause(self._stop, self._lease.total_seconds() / BEATS):
            self.beat()

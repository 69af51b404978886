"""What waits for this worker: at most one message per lane, each with its heartbeat, the next one prepared while another is worked on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from antiphon.platform.clock import Clock
from antiphon.work.heartbeat import Heartbeat
from antiphon.work.queue import Lane, Message, MessageLost

if TYPE_CHECKING:
    from logging import Logger

POLL = 1
"""Seconds of one long poll. Short, because a worker that drains must wait for the poll under way: its answer may hold a message."""
HOLD = timedelta(seconds=60)
"""How long a message may wait here for a job to end before other workers get it."""
FAIR = 10
"""Of so many messages taken while both lanes wait, one comes from the lower lane."""


@dataclass
class Held:
    lane: Lane
    message: Message
    heartbeat: Heartbeat
    since: datetime
    prepared: Any = None


class Inbox:
    """lanes: the highest first. prepare: called with a message that was received while a job runs, in the poller's thread."""

    def __init__(
        self,
        lanes: Sequence[Lane],
        *,
        heartbeat: Callable[[Lane, Message], Heartbeat],
        prepare: Callable[[Message], Any],
        discard: Callable[[Any], None],
        clock: Clock,
        logger: Logger,
    ) -> None:
        self._lanes = lanes
        self._heartbeat = heartbeat
        self._prepare = prepare
        self._discard = discard
        self._clock = clock
        self._logger = logger
        self._held: dict[str, Held] = {}
        self._changed = threading.Condition()
        self._open = False
        self._busy = False
        self._closed = False
        self._taken = 0
        self._threads = [
            threading.Thread(target=self._poll, args=(lane,), daemon=True, name=f"poll-{lane.name}") for lane in lanes
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def want(self, wanted: bool, *, busy: bool) -> None:
        """Whether messages shall be received now, and whether a job runs meanwhile."""
        with self._changed:
            self._open, self._busy = wanted, busy
            self._changed.notify_all()

    def take(self, timeout: float) -> Held | None:
        """The next message: of the highest lane, but every tenth time of the lowest that waits."""
        with self._changed:
            self._changed.wait_for(lambda: self._held or self._closed, timeout)
            waiting = [self._held[lane.name] for lane in self._lanes if lane.name in self._held]
            if not waiting:
                return None
            self._taken += 1
            chosen = waiting[-1] if self._taken % FAIR == 0 else waiting[0]
            del self._held[chosen.lane.name]
            self._changed.notify_all()
            return chosen

    def release_old(self) -> None:
        """Give back what has waited too long for the running job."""
        with self._changed:
            old = [h for h in self._held.values() if self._clock() - h.since > HOLD]
            for held in old:
                del self._held[held.lane.name]
        for held in old:
            self._give_back(held)

    def close(self) -> None:
        """No further receive; gives back what is held. Returns when no poll is under way."""
        with self._changed:
            self._closed, self._open = True, False
            rest, self._held = list(self._held.values()), {}
            self._changed.notify_all()
        for held in rest:
            self._give_back(held)
        for thread in self._threads:
            if thread.is_alive():
                thread.join()

    def _give_back(self, held: Held) -> None:
        held.heartbeat.stop()
        self._discard(held.prepared)
        try:
            held.lane.hide(held.message, 0)
        except MessageLost:
            self._logger.info("given back too late", extra={"job_id": held.message.job_id})

    def _poll(self, lane: Lane) -> None:
        failures = 0
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or (self._open and lane.name not in self._held))
                if self._closed:
                    return
            try:
                message = lane.receive(POLL)
                failures = 0
            except Exception as error:  # noqa: BLE001 - whatever the network does, the worker goes on asking
                failures += 1
                self._logger.warning("receive failed", extra={"lane": lane.name, "error": repr(error)})
                with self._changed:
                    self._changed.wait_for(lambda: self._closed, min(0.2 * 2**failures, 10))
                continue
            if message is not None:
                self._hold(lane, message)

    def _hold(self, lane: Lane, message: Message) -> None:
        heartbeat = self._heartbeat(lane, message)
        heartbeat.start()
        held = Held(lane, message, heartbeat, self._clock())
        with self._changed:
            busy = self._busy and not self._closed
        if busy:
            held.prepared = self._prepare(message)
        with self._changed:
            if not self._closed:
                self._held[lane.name] = held
                self._changed.notify_all()
                return
        self._give_back(held)

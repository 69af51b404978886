"""What waits for this worker: at most one message per lane, each with its heartbeat, the next one prepared while another is worked on."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from antiphon.platform.clock import Clock
from antiphon.work.heartbeat import Heartbeat
from antiphon.work.queue import Lane, Message, MessageLost, Refused

if TYPE_CHECKING:
    from logging import Logger

POLL = 1
"""Seconds of one long poll. Short, because a worker that drains must wait for the poll under way: its answer may hold a message."""
LAST_POLL = POLL + 0.6
"""Seconds that a worker which ends waits for its last polls."""
HOLD = timedelta(seconds=60)
"""How long a message may wait here for a job to end before other workers get it."""
BOUNCES = 1
"""How often a message may be given back for having waited: each receive brings it nearer to the dead letters."""
FAIR = 10
"""Of so many messages taken while both lanes wait, one comes from the lower lane."""
GRACE = 0.1
"""Seconds that a lane which was only just asked has to answer before a message of a lane behind it is taken."""

FIRST_PAUSE = 0.4
"""Seconds after which a lane that failed is asked again; doubled with each further failure, at most ``LONGEST_PAUSE``."""
LONGEST_PAUSE = 10.0


@dataclass
class Held:
    lane: Lane
    message: Message
    heartbeat: Heartbeat
    since: datetime
    prepared: Any = None


class Inbox:
    """lanes: the highest first. prepare: called with a message that was received while a job runs, in the poller's thread.
    refused: called when a lane takes our credentials no more."""

    def __init__(
        self,
        lanes: Sequence[Lane],
        *,
        heartbeat: Callable[[Lane, Message], Heartbeat],
        prepare: Callable[[Message], Any],
        discard: Callable[[Any], None],
        refused: Callable[[], None],
        clock: Clock,
        logger: Logger,
    ) -> None:
        self._lanes = lanes
        self._heartbeat = heartbeat
        self._prepare = prepare
        self._discard = discard
        self._refused = refused
        self._clock = clock
        self._logger = logger
        self._held: dict[str, Held] = {}
        self._changed = threading.Condition()
        self._open = False
        self._busy = False
        self._closed = False
        self._passed_over = 0
        self._opened_at = 0.0
        self._silent: set[str] = set()
        """Lanes that have not answered since the inbox was opened."""
        self._threads = [
            threading.Thread(target=self._poll, args=(lane,), daemon=True, name=f"poll-{lane.name}") for lane in lanes
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    @property
    def polling(self) -> bool:
        """Whether every lane is still being asked: only a defect ends one of its threads before `shut`."""
        return all(thread.is_alive() for thread in self._threads)

    def want(self, wanted: bool, *, busy: bool) -> None:
        """Whether messages shall be received now, and whether a job runs meanwhile."""
        with self._changed:
            wanted = wanted and not self._closed
            if wanted and not self._open:
                self._opened_at = time.monotonic()
                self._silent = {lane.name for lane in self._lanes} - self._held.keys()
            if (wanted, busy) != (self._open, self._busy):
                self._open, self._busy = wanted, busy
                self._changed.notify_all()

    def take(self, timeout: float) -> Held | None:
        """The next message: of the highest lane, but every tenth time of the lowest. None when none came within so many seconds."""
        deadline = time.monotonic() + timeout
        with self._changed:
            while True:
                order = self._lanes if self._passed_over < FAIR - 1 else self._lanes[::-1]
                first = next((lane for lane in order if lane.name in self._held), None)
                patience = self._patience(order, first) if first else deadline - time.monotonic()
                if patience > 0 and not self._closed:
                    self._changed.wait(patience)
                    continue
                if first is None:
                    return None
                self._passed_over = 0 if first is self._lanes[-1] else self._passed_over + 1
                self._changed.notify_all()
                return self._held.pop(first.name)

    def release_old(self) -> None:
        """Give back what has waited too long for the running job."""
        with self._changed:
            old = [
                held
                for held in self._held.values()
                if self._clock() - held.since > HOLD and held.message.receives <= BOUNCES
            ]
            for held in old:
                del self._held[held.lane.name]
        for held in old:
            self.give_back(held)

    def shut(self) -> None:
        """No further receive; gives back what is held. A poll under way may still end."""
        with self._changed:
            self._closed, self._open = True, False
            rest, self._held = list(self._held.values()), {}
            self._changed.notify_all()
        for held in rest:
            self.give_back(held)

    def close(self) -> None:
        """`shut`, and waits for the polls under way. One that hangs is left alone: what it still brings comes back when its visibility ends."""
        self.shut()
        deadline = time.monotonic() + LAST_POLL
        for thread in self._threads:
            if thread.is_alive():
                thread.join(max(0.0, deadline - time.monotonic()))

    def give_back(self, held: Held) -> None:
        """Another worker may have it now. Never raises: at worst it comes back when its visibility ends."""
        held.heartbeat.stop()
        self._discard(held.prepared)
        try:
            held.lane.hide(held.message, 0)
        except MessageLost:
            self._logger.info("given back too late", extra={"job_id": held.message.job_id})
        except Exception as error:  # noqa: BLE001 - whatever the network does, the worker goes on
            self._logger.warning("not given back", extra={"job_id": held.message.job_id, "error": repr(error)})

    def _patience(self, order: Sequence[Lane], first: Lane) -> float:
        """Seconds to wait for a lane that comes before ``first`` and had no time yet to answer."""
        before = {lane.name for lane in order[: order.index(first)]}
        return GRACE - (time.monotonic() - self._opened_at) if before & self._silent else 0.0

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
            except Refused:
                self._logger.error("credentials refused", extra={"lane": lane.name})
                self._refused()
                return
            except Exception as error:  # noqa: BLE001 - whatever the network does, the worker goes on asking
                failures += 1
                self._logger.warning("receive failed", extra={"lane": lane.name, "error": repr(error)})
                self._heard(lane)
                with self._changed:
                    self._changed.wait_for(lambda: self._closed, min(FIRST_PAUSE * 2 ** (failures - 1), LONGEST_PAUSE))
                continue
            if message is not None:
                self._hold(lane, message)
            self._heard(lane)

    def _heard(self, lane: Lane) -> None:
        with self._changed:
            if lane.name in self._silent:
                self._silent.discard(lane.name)
                self._changed.notify_all()

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
        self.give_back(held)

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from antiphon.platform.ids import derived_id
from antiphon.speech import model
from antiphon.speech.memory import MemoryJobStore
from antiphon.speech.model import Job, Kind, Source, Status
from antiphon.work.heartbeat import Heartbeat
from antiphon.work.inbox import Held
from antiphon.work.lease import Lease
from antiphon.work.memory import MemoryLane
from antiphon.work.protection import NoProtection
from antiphon.work.queue import Message
from antiphon.work.worker import Outcome, Worker

LEASE = timedelta(seconds=60)
USER = "usr_01ARZ3NDEKTSV4RRFFQ69G5FAV"
LOG = logging.getLogger("work")
SOON = 10.0
"""Seconds in which anything that a thread was told to do has happened; no test waits for so long."""


class ScriptedWork:
    """Does with a job what the test says; ``ran``, ``prepared``, ``discarded``: in order."""

    def __init__(self, script: Callable[[Job, Lease, Any], None]) -> None:
        self.script = script
        self.left: float | None = None
        self.ran: list[tuple[str, Any]] = []
        self.prepared: list[str] = []
        self.discarded: list[Any] = []

    def prepare(self, job: Job) -> Any:
        self.prepared.append(job.id)
        return f"prepared {job.id}"

    def discard(self, prepared: Any) -> None:
        if prepared is not None:
            self.discarded.append(prepared)

    def run(self, job: Job, lease: Lease, prepared: Any) -> None:
        self.ran.append((job.id, prepared))
        self.script(job, lease, prepared)

    def remaining(self) -> float | None:
        return self.left


class Bench:
    """A worker's surroundings, all of them fakes on one clock."""

    def __init__(self, clock: Any) -> None:
        self.clock = clock
        self.store = MemoryJobStore()
        self.priority, self.standard = MemoryLane("priority", clock), MemoryLane("standard", clock)
        self.work = ScriptedWork(self.finish)
        self._made = 0

    def finish(self, job: Job, lease: Lease, prepared: Any = None) -> None:
        self.store.apply(model.finish(job, owner=lease.owner, now=self.clock()))

    def job(self, lane: MemoryLane | None = None, status: Status = Status.QUEUED) -> tuple[Job, Message]:
        """A job, and its message on the lane."""
        self._made += 1
        job = Job(
            derived_id("trn", self.clock(), str(self._made), order=self._made),
            Kind.TRANSCRIPTION,
            USER,
            status,
            self.clock(),
            source=Source("uploads-bucket", f"uploads/{self._made}"),
        )
        self.store.apply(model.create(job, self.clock()))
        message = self.message(job, f"msg-{self._made}")
        (lane or self.standard).send(message)
        return self.now(job), message

    def message(self, job: Job, id: str) -> Message:
        return Message(id, f"{id}/0", job.user_id, job.kind, job.id)

    def now(self, job: Job) -> Job:
        found = self.store.get(job.user_id, job.kind, job.id)
        assert found is not None
        return found

    def claimed(self, job: Job, *, owner: str = "another", message_id: str = "msg-other") -> Job:
        self.store.apply(model.claim(self.now(job), owner=owner, message_id=message_id, lease=LEASE, now=self.clock()))
        return self.now(job)

    def worker(self, **settings: Any) -> Worker:
        return Worker(
            **{
                "lanes": [self.priority, self.standard],
                "store": self.store,
                "work": self.work,
                "lease": LEASE,
                "clock": self.clock,
                "protection": NoProtection(),
                "logger": LOG,
                **settings,
            }
        )

    def receive(self, lane: MemoryLane | None = None) -> Held:
        lane = lane or self.standard
        message = lane.receive(0)
        assert message is not None
        return self.held(message, lane)

    def held(self, message: Message, lane: MemoryLane | None = None) -> Held:
        lane = lane or self.standard
        return Held(lane, message, self.heartbeat(lane, message), self.clock())

    def heartbeat(self, lane: MemoryLane, message: Message) -> Heartbeat:
        return Heartbeat(lane, message, self.store, lease=LEASE, clock=self.clock, logger=LOG)

    def handle(self, **settings: Any) -> Outcome:
        """The next message of the standard lane, from claim to its end."""
        return self.worker(**settings).handle(self.receive())


class Running:
    """A worker in a thread of its own; ``exits``: statuses it wanted to end its process with."""

    def __init__(self, bench: Bench, **settings: Any) -> None:
        self.exits: list[int] = []
        self.exited = threading.Event()
        self.worker = bench.worker(exit_now=self._exit, **settings)
        self._thread = threading.Thread(target=self.worker.run, daemon=True)
        self._thread.start()

    def _exit(self, status: int) -> None:
        self.exits.append(status)
        self.exited.set()

    def join(self, timeout: float = SOON) -> None:
        self._thread.join(timeout)
        assert not self._thread.is_alive(), "the worker did not end"

    def stop(self) -> None:
        self.worker.stop()
        self.join()


@pytest.fixture
def bench(clock: Any) -> Bench:
    return Bench(clock)

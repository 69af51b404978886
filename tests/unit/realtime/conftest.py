"""A user with connections, where everything beside the use cases is in memory."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from aws_lambda_powertools import Logger

from antiphon.devices.command import Commands
from antiphon.devices.manage import Devices
from antiphon.devices.memory import MemoryCommands, MemoryDevices
from antiphon.devices.model import Capability
from antiphon.identity.admit import Admitted, Known
from antiphon.platform.audit_memory import MemoryAuditLog
from antiphon.platform.errors import Unauthorized
from antiphon.platform.events import Event
from antiphon.platform.idempotency import Idempotency, Record
from antiphon.platform.ids import derived_id
from antiphon.platform.request import Caller
from antiphon.realtime.connect import Doorkeeper
from antiphon.realtime.enter import GateOfSockets
from antiphon.realtime.memory import (
    MemoryConnections,
    MemoryEventLog,
    MemoryPushQueue,
    MemoryQuestionQueue,
    MemorySockets,
)
from antiphon.realtime.model import ACTIONS
from antiphon.realtime.push import Push
from antiphon.realtime.receive import Heard, Receive
from tests.unit.conftest import HeldClock
from tests.unit.platform.gates import make_gate

ULID = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
TALK, THEIRS, RUN = f"conv_{ULID}", f"conv_{ULID[:-1]}W", f"run_{ULID}"
RECHECK = timedelta(seconds=60)


class Sessions(Known):
    """``ended``: sessions and hashes of keys that are no longer good; ``looked``: how often that was looked at."""

    def __init__(self) -> None:
        self.ended: set[str] = set()
        self.scopes: dict[str, str] = {}
        self.looked = 0

    def by_session(self, user_id: str, session_id: str) -> Admitted:
        return self._found(session_id, Admitted(user_id, "free", "user", session_id=session_id))

    def by_key_hash(self, key_hash: str) -> Admitted:
        return self._found(key_hash, Admitted("usr_1", "free", "user", key_id="key_1", scopes=self.scopes[key_hash]))

    def _found(self, name: str, admitted: Admitted) -> Admitted:
        self.looked += 1
        if name in self.ended:
            raise Unauthorized
        return admitted


class Desk:
    """Idempotency keys that were used."""

    def __init__(self) -> None:
        self.records: dict[str, Record] = {}

    def claim(self, record: Record, now: object) -> Record | None:
        known = self.records.setdefault(record.id, record)
        return None if known is record else known

    def get(self, user: str, record_id: str) -> Record | None:
        return self.records.get(record_id)

    def finish(self, record: Record) -> None:
        self.records[record.id] = record

    def release(self, record: Record) -> None:
        del self.records[record.id]


class Things:
    def __init__(self, *own: str) -> None:
        self.own = own

    def get(self, user_id: str, thing_id: str, /) -> object | None:
        return thing_id if user_id == "usr_1" and thing_id in self.own else None


class House:
    def __init__(self, clock: HeldClock) -> None:
        self.clock = clock
        self.connections = MemoryConnections()
        self.sockets = MemorySockets()
        self.sessions = Sessions()
        self.log = MemoryEventLog()
        self.queue = MemoryPushQueue()
        self.questions = MemoryQuestionQueue()
        self.audit = MemoryAuditLog()
        self.waits: list[float] = []
        self.ticks = 0.0
        stored = MemoryDevices()
        self.devices = Devices(stored, clock)
        self.commands = Commands(stored, MemoryCommands(stored), clock)
        self.phone = self.devices.register(
            "usr_1", "Phone", "android", (Capability("ring", {"type": "object"}),)
        ).device
        self.door = Doorkeeper(
            connections=self.connections, sockets=self.sockets, known=self.sessions, clock=clock, recheck=RECHECK
        )
        gate = make_gate(ACTIONS, clock=clock, audit=self.audit)
        self.receive = Receive(
            connections=self.connections,
            door=self.door,
            sockets=self.sockets,
            pushes=self.queue,
            questions=self.questions,
            things={"conv": Things(TALK), "run": Things(RUN), "dev": stored},
            commands=self.commands,
            enter=GateOfSockets(gate, Logger(service="test")),
            idempotency=Idempotency(Desk(), clock),
            clock=clock,
        )

    def push(self, pool: ThreadPoolExecutor) -> Push:
        return Push(
            connections=self.connections,
            door=self.door,
            log=self.log,
            sockets=self.sockets,
            queue=self.queue,
            commands=self.commands,
            clock=self.clock,
            pool=pool,
            monotonic=lambda: self.ticks,
            pause=self._pause,
        )

    def _pause(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.clock.move(seconds=seconds)

    def open(self, name: str = "c1", user: str = "usr_1", **options: Any) -> str:
        caller = options.pop("caller", Caller(user, "free", session_id=f"ses_{name}"))
        self.door.open(name, caller, **options)
        return name

    def open_key(self, *scopes: str, name: str = "k1") -> str:
        self.sessions.scopes["hash"] = " ".join(scopes)
        caller = Caller("usr_1", "free", scopes=frozenset(scopes), key_id="key_1")
        return self.open(name, caller=caller, key_hash="hash")

    def open_phone(self, name: str = "p1") -> str:
        return self.open(name, caller=Caller("usr_1", "free", key_id=self.phone.id), key_hash="hash")

    def say(self, name: str, user: str = "usr_1", **message: Any) -> Heard:
        import json

        return self.receive(user, name, json.dumps(message), "req_1")

    def frames(self, name: str = "c1") -> list[Mapping[str, Any]]:
        """What it got since this was last asked."""
        return self.sockets.frames.pop(name, [])

    def event(self, type: str = "speech.progress", user: str = "usr_1", **data: Any) -> Event:
        """The next one, a millisecond after the last."""
        now = self.clock.move(milliseconds=1)
        data = {"id": f"job_{ULID}", **data}
        made = Event(derived_id("evt", now, type, user, str(now)), user, type, now, data)
        self.log.events.append(made)
        return made


@pytest.fixture
def house(clock: HeldClock) -> House:
    return House(clock)

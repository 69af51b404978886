"""Devices, what they can do, and the commands that go to them: types and rules, no clock, no network.

A command goes from the user, or from an agent's run on the user's behalf, to one device::

    awaiting_confirmation ──yes──► pending ──poll──► delivered ──► acknowledged
              │                       │               ▲  │  │           │
              │                       │               └──┘  └─────┬─────┘
              │                       │       not answered        ▼
              ▼                       ▼         for 30 s   succeeded, failed
       canceled, expired      canceled, expired                 canceled, expired

Nothing leads out of an end. What a command says never changes: a yes is one to exactly these arguments.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from antiphon.platform.errors import Conflict
from antiphon.platform.events import Event
from antiphon.platform.ids import derived_id

MAX_DEVICES = 20
MAX_CAPABILITIES = 64
MAX_OPEN = 100
"""Commands of one device that have not ended."""
MAX_DECLARED = 65_536
"""Bytes of all that a device declares, as JSON: with each poll its row is read."""
MAX_GUARDED = 256
MAX_ARGUMENTS = 16_384
MAX_RESULT = 65_536
"""Bytes as JSON."""
EXPIRES_IN, MIN_EXPIRES_IN, MAX_EXPIRES_IN = 60, 5, 86_400
"""Seconds."""
CONFIRM_WITHIN = timedelta(minutes=5)
VISIBLE_AFTER = timedelta(seconds=30)
"""A command that was handed out and not answered since is handed out again."""
SEEN_EVERY = timedelta(minutes=1)
KEEP = timedelta(days=30)
PLATFORMS = ("android", "ios", "linux", "macos", "windows", "web", "other")


class Origin(StrEnum):
    """Who made a command: the user, or an agent's run on the user's behalf."""

    USER = "user"
    RUN = "run"


class CommandStatus(StrEnum):
    AWAITING_CONFIRMATION = "awaiting_confirmation"
    PENDING = "pending"
    DELIVERED = "delivered"
    ACKNOWLEDGED = "acknowledged"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELED = "canceled"


Status = CommandStatus
_LAPSED = frozenset({Status.CANCELED, Status.EXPIRED})
_ANSWERED = frozenset({Status.SUCCEEDED, Status.FAILED})
TRANSITIONS: Mapping[Status, frozenset[Status]] = MappingProxyType(
    {
        Status.AWAITING_CONFIRMATION: _LAPSED | {Status.PENDING},
        Status.PENDING: _LAPSED | {Status.DELIVERED},
        Status.DELIVERED: _LAPSED | _ANSWERED | {Status.DELIVERED, Status.ACKNOWLEDGED},
        Status.ACKNOWLEDGED: _LAPSED | _ANSWERED,
        **dict.fromkeys(_LAPSED | _ANSWERED, frozenset()),
    }
)
ENDED = frozenset(status for status, following in TRANSITIONS.items() if not following)
ANNOUNCED = frozenset(Status) - {Status.DELIVERED, Status.ACKNOWLEDGED, Status.EXPIRED}
"""States that make an event. Nothing happens in the moment in which a command expires: whoever reads it later sees that it has."""


@dataclass(frozen=True)
class Capability:
    """One thing that a device can do. ``parameters``: JSON Schema of the arguments, without references; ``sensitive``: a run needs the user's yes."""

    action: str
    parameters: Mapping[str, Any]
    description: str = ""
    sensitive: bool = False


@dataclass(frozen=True)
class Device:
    """``guarded``: actions that stay sensitive whatever the device itself declares later; ``key_hash``: SHA-256 of its key, hex; ``last_seen_at``: true to a
    minute; ``leaving``: it is being deleted: its key is gone, and its commands follow; ``version`` grows with each change but that of ``last_seen_at``."""

    id: str
    user_id: str
    name: str
    platform: str
    capabilities: tuple[Capability, ...]
    created_at: datetime
    updated_at: datetime
    key_hash: str = field(repr=False)
    guarded: tuple[str, ...] = ()
    last_seen_at: datetime | None = None
    leaving: bool = False
    version: int = 1

    def capability(self, action: str) -> Capability | None:
        return next((c for c in self.capabilities if c.action == action), None)


@dataclass(frozen=True)
class Outcome:
    """What the device says became of a command. ``error``: ``{code, detail}`` of one that failed."""

    status: Status
    result: Mapping[str, Any] | None = None
    error: Mapping[str, str] | None = None


@dataclass(frozen=True)
class Command:
    """``expires_at``: of one that awaits a yes when it lapses, else until when the device may answer, ``expires_in`` seconds after it may be handed out;
    ``visible_at``: from when on it is to be handed out (again), None where it is not; ``deliveries``: how often it was; ``version`` grows with each change."""

    id: str
    user_id: str
    device_id: str
    action: str
    arguments: Mapping[str, Any]
    status: Status
    created_at: datetime
    expires_at: datetime
    expires_in: int
    origin: Origin = Origin.USER
    run_id: str | None = None
    visible_at: datetime | None = None
    deliveries: int = 0
    delivered_at: datetime | None = None
    confirmed_at: datetime | None = None
    acknowledged_at: datetime | None = None
    finished_at: datetime | None = None
    outcome: Outcome | None = None
    version: int = 1

    @property
    def due_at(self) -> datetime | None:
        """When there is something to do with it next; None once it has ended."""
        if self.status in ENDED:
            return None
        return min(self.visible_at or self.expires_at, self.expires_at)

    def settled(self, now: datetime) -> Command:
        """As it is by now: what has passed its time has expired, whether or not that was written."""
        if self.status in ENDED or now < self.expires_at:
            return self
        return _moved(self, Status.EXPIRED, finished_at=self.expires_at, visible_at=None)

    def kept(self, now: datetime) -> bool:
        """Whether it is still to be seen: the table removes late."""
        return now < self.created_at + KEEP

    def says(self, action: str, arguments: Mapping[str, Any]) -> bool:
        return self.action == action and dict(self.arguments) == dict(arguments)


def issue(
    command_id: str,
    device: Device,
    action: str,
    arguments: Mapping[str, Any],
    now: datetime,
    *,
    expires_in: int,
    confirm: bool,
    origin: Origin,
    run_id: str | None,
) -> Command:
    """confirm: it waits for the user's yes."""
    return Command(
        id=command_id,
        user_id=device.user_id,
        device_id=device.id,
        action=action,
        arguments=arguments,
        status=Status.AWAITING_CONFIRMATION if confirm else Status.PENDING,
        created_at=now,
        expires_at=now + (CONFIRM_WITHIN if confirm else timedelta(seconds=expires_in)),
        expires_in=expires_in,
        origin=origin,
        run_id=run_id,
        visible_at=None if confirm else now,
    )


def confirm(command: Command, now: datetime) -> Command:
    """The user's yes; its time begins with it. A second yes changes nothing. Raises Conflict."""
    command = command.settled(now)
    if command.status not in ENDED and command.confirmed_at is not None:
        return command
    if command.status not in ENDED and command.status is not Status.AWAITING_CONFIRMATION:
        raise Conflict("This command waits for nobody's yes.", code="nothing_to_confirm")
    until = now + timedelta(seconds=command.expires_in)
    return _step(command, Status.PENDING, confirmed_at=now, expires_at=until, visible_at=now)


def deliver(command: Command, now: datetime) -> Command:
    """Handed out, the first time or once more. Raises Conflict."""
    return _step(
        command.settled(now),
        Status.DELIVERED,
        deliveries=command.deliveries + 1,
        delivered_at=command.delivered_at or now,
        visible_at=now + VISIBLE_AFTER,
    )


def acknowledge(command: Command, now: datetime) -> Command:
    """The device has it in hand: it is not handed out again. A second time changes nothing. Raises Conflict."""
    command = command.settled(now)
    if command.status is Status.ACKNOWLEDGED:
        return command
    return _step(command, Status.ACKNOWLEDGED, acknowledged_at=now, visible_at=None)


def finish(command: Command, outcome: Outcome, now: datetime) -> Command:
    """The device's answer, taken once: the same again changes nothing, another one is refused. Raises Conflict."""
    command = command.settled(now)
    if command.outcome == outcome:
        return command
    if command.outcome is not None:
        raise Conflict("This command has another result already; the first one counts.", code="result_conflict")
    return _step(command, outcome.status, outcome=outcome, finished_at=now, visible_at=None)


def cancel(command: Command, now: datetime) -> Command:
    """A device that was handed it may still carry it out; its answer is not taken. A second time changes nothing. Raises Conflict."""
    command = command.settled(now)
    if command.status is Status.CANCELED:
        return command
    return _step(command, Status.CANCELED, finished_at=now, visible_at=None)


def _step(command: Command, to: Status, **changes: Any) -> Command:
    if to in TRANSITIONS[command.status]:
        return _moved(command, to, **changes)
    if command.status is Status.EXPIRED:
        raise Conflict("The command has expired.", code="command_expired")
    if command.status in ENDED:
        raise Conflict(f"The command has ended: it is {command.status.value}.", code="command_ended")
    raise Conflict(
        f"The command is {command.status.value}: the device was not given it yet.", code="command_not_delivered"
    )


def _moved(command: Command, to: Status, **changes: Any) -> Command:
    return replace(command, status=to, version=command.version + 1, **changes)


def event_of(command: Command, now: datetime, request_id: str | None) -> Event | None:
    """``device.command.<status>``, without what the command says; None where its state makes no event."""
    if command.status not in ANNOUNCED:
        return None
    data = {
        "id": command.id,
        "kind": "device_command",
        "status": command.status.value,
        "sequence": command.version,
        "device_id": command.device_id,
        "origin": command.origin.value,
        "run_id": command.run_id,
        "links": {"self": f"/v1/devices/{command.device_id}/commands/{command.id}"},
    }
    return Event(
        id=derived_id("evt", now, command.id, command.status.value),
        user_id=command.user_id,
        type=f"device.command.{command.status.value}",
        timestamp=now,
        data=MappingProxyType(data),
        request_id=request_id,
    )

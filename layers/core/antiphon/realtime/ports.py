"""What the use cases of sockets need from outside."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from antiphon.platform.events import Event
from antiphon.platform.request import Caller
from antiphon.realtime.model import Connection


class Gone(Exception):
    """The connection is not there (any more)."""


class Slow(Exception):
    """The connection does not take what is sent to it."""


class NotWelcome(Exception):
    """The user may not come in any more."""


class ConnectionStore(Protocol):
    def open(self, connection: Connection) -> None:
        """Raises NotWelcome."""

    def get(self, user_id: str, connection_id: str) -> Connection | None:
        """One consistent read."""

    def of_user(self, user_id: str) -> Sequence[Connection]:
        """One consistent query, the oldest first."""

    def count(self, user_id: str, connection_id: str, minute: int, most: int) -> Connection | None:
        """One more message in this minute; gives the connection. None where it is not there. Raises OverflowError where there were ``most`` already."""

    def checked(self, connection: Connection, caller: Caller, at: datetime) -> None:
        """Notes the caller's tier, role and scopes as they are at this moment."""

    def listen(self, connection: Connection, channels: AbstractSet[str], *, waiting: bool) -> None:
        """To these channels from now on, or, ``waiting``, once their replay has ended. Does nothing where the connection is gone."""

    def ignore(self, connection: Connection, channels: AbstractSet[str]) -> None: ...

    def caught_up(self, connection: Connection, channels: AbstractSet[str]) -> bool:
        """These channels are live, if all of them still wait; else nothing changes."""

    def progressed(self, connection: Connection, at: Mapping[str, int]) -> None: ...

    def close(self, connection: Connection) -> None:
        """Safe to repeat."""

    def expired(self, now: datetime) -> Iterator[Connection]:
        """Those whose time is over; the index follows within a second or so."""


class EventLog(Protocol):
    def after(self, user_id: str, event_id: str, limit: int) -> Sequence[Event]:
        """Those with larger ids, in their order; one consistent query."""


class Sockets(Protocol):
    def post(self, connection_id: str, frame: Mapping[str, Any]) -> None:
        """Raises Gone, Slow; either within three seconds."""

    def close(self, connection_id: str) -> None:
        """Does nothing where it is closed."""


@dataclass(frozen=True)
class News:
    """An event on its way to the connections of its user."""

    event: Event


@dataclass(frozen=True)
class Replay:
    """What a connection missed: the events of ``channels`` behind the id ``after``."""

    user_id: str
    connection_id: str
    channels: frozenset[str]
    after: str


class PushQueue(Protocol):
    """Keeps the order of one user's messages, and hands out the next ones only when those before are done."""

    def send(self, message: News | Replay, *, request_id: str | None = None) -> None: ...


@dataclass(frozen=True)
class Question:
    """A message that is to be answered on a connection. ``body``: as ``POST …/messages`` takes it, not looked at yet; ``seed``: a ULID, the same for the same
    question; ``ref``: the client's own name of it."""

    user_id: str
    connection_id: str
    tier: str
    conversation_id: str
    body: Mapping[str, Any]
    seed: str
    ref: str | None = None


class QuestionQueue(Protocol):
    def send(self, question: Question, *, request_id: str | None = None) -> None: ...


__all__ = [
    "ConnectionStore",
    "EventLog",
    "Gone",
    "News",
    "NotWelcome",
    "PushQueue",
    "Question",
    "QuestionQueue",
    "Replay",
    "Slow",
    "Sockets",
]

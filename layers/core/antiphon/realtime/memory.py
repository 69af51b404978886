"""The stores, the queues and the gateway in memory, for tests: the same promises, kept by the same contract suite."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import datetime
from typing import Any

from antiphon.platform.events import Event
from antiphon.platform.request import Caller
from antiphon.realtime.model import Connection
from antiphon.realtime.ports import Gone, News, NotWelcome, Question, Replay, Slow
from antiphon.realtime.tell import Tell


class MemoryConnections:
    """``unwelcome``: users that may not come in any more."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, str], Connection] = {}
        self._said: dict[tuple[str, str], tuple[int, int]] = {}
        self.unwelcome: set[str] = set()

    def open(self, connection: Connection) -> None:
        if connection.user_id in self.unwelcome:
            raise NotWelcome
        self._rows[connection.user_id, connection.id] = connection

    def get(self, user_id: str, connection_id: str) -> Connection | None:
        return self._rows.get((user_id, connection_id))

    def of_user(self, user_id: str) -> Sequence[Connection]:
        return sorted((c for c in self._rows.values() if c.user_id == user_id), key=lambda c: (c.connected_at, c.id))

    def count(self, user_id: str, connection_id: str, minute: int, most: int) -> Connection | None:
        found = self.get(user_id, connection_id)
        if found is None:
            return None
        last, said = self._said.get((user_id, connection_id), (minute, 0))
        said = said if last == minute else 0
        if said >= most:
            raise OverflowError
        self._said[user_id, connection_id] = (minute, said + 1)
        return found

    def checked(self, connection: Connection, caller: Caller, at: datetime) -> None:
        self._change(connection, caller=caller, checked_at=at)

    def listen(self, connection: Connection, channels: AbstractSet[str], *, waiting: bool) -> None:
        found = self.get(connection.user_id, connection.id)
        if found is None:
            return
        live, held = found.channels, found.waiting
        if waiting:
            self._change(found, waiting=held | channels, channels=live - channels)
        else:
            self._change(found, channels=live | channels, waiting=held - channels)

    def ignore(self, connection: Connection, channels: AbstractSet[str]) -> None:
        found = self.get(connection.user_id, connection.id)
        if found is not None:
            self._change(found, channels=found.channels - channels, waiting=found.waiting - channels)

    def caught_up(self, connection: Connection, channels: AbstractSet[str]) -> bool:
        found = self.get(connection.user_id, connection.id)
        if found is None or not channels <= found.waiting:
            return False
        self._change(found, channels=found.channels | channels, waiting=found.waiting - channels)
        return True

    def progressed(self, connection: Connection, at: Mapping[str, int]) -> None:
        self._change(connection, progressed=dict(at))

    def close(self, connection: Connection) -> None:
        self._rows.pop((connection.user_id, connection.id), None)

    def expired(self, now: datetime) -> Iterator[Connection]:
        yield from [c for c in self._rows.values() if c.expires_at <= now]

    def _change(self, connection: Connection, **changes: Any) -> None:
        found = self.get(connection.user_id, connection.id)
        if found is not None:
            self._rows[found.user_id, found.id] = replace(found, **changes)


class MemoryEventLog:
    def __init__(self) -> None:
        self.events: list[Event] = []

    def after(self, user_id: str, event_id: str, limit: int) -> Sequence[Event]:
        found = sorted((e for e in self.events if e.user_id == user_id and e.id > event_id), key=lambda e: e.id)
        return found[:limit]


class MemorySockets:
    """``frames``: what each connection got; ``gone``, ``slow``: connections that take nothing."""

    def __init__(self) -> None:
        self.frames: dict[str, list[Mapping[str, Any]]] = {}
        self.closed: list[str] = []
        self.gone: set[str] = set()
        self.slow: set[str] = set()

    def post(self, connection_id: str, frame: Mapping[str, Any]) -> None:
        if connection_id in self.gone or connection_id in self.closed:
            raise Gone
        if connection_id in self.slow:
            raise Slow
        self.frames.setdefault(connection_id, []).append(frame)

    def close(self, connection_id: str) -> None:
        self.closed.append(connection_id)


class MemoryPushQueue:
    def __init__(self) -> None:
        self.sent: list[News | Replay] = []

    def send(self, message: News | Replay, *, request_id: str | None = None) -> None:
        self.sent.append(message)


def nobody() -> Tell:
    """Where nobody is connected."""
    return Tell(MemoryConnections(), MemoryPushQueue())


class MemoryQuestionQueue:
    def __init__(self) -> None:
        self.sent: list[Question] = []

    def send(self, question: Question, *, request_id: str | None = None) -> None:
        self.sent.append(question)

"""Connections and the log of events in the table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from typing import Any, cast

from pynamodb.attributes import JSONAttribute, NumberAttribute, UnicodeAttribute, UnicodeSetAttribute
from pynamodb.exceptions import TransactWriteError
from pynamodb.expressions.update import Action
from pynamodb.transactions import TransactWrite

from antiphon.identity.dynamo import UserRow
from antiphon.identity.model import UserStatus
from antiphon.platform.clock import from_rfc3339, rfc3339
from antiphon.platform.events import Event
from antiphon.platform.outbox import EventRow, event_of_row
from antiphon.platform.request import Caller
from antiphon.platform.table import DUE_SHARDS, DueIndex, Row, Table, conditions_failed, update_if
from antiphon.realtime.model import LIVES, Connection
from antiphon.realtime.ports import NotWelcome

_KEPT = LIVES + timedelta(minutes=10)


class ConnectionRow(Row):
    """``minute``, ``said``: the messages of the last minute in which there were any."""

    tier = UnicodeAttribute()
    role = UnicodeAttribute()
    scopes = UnicodeAttribute()
    session_id = UnicodeAttribute()
    key_id = UnicodeAttribute()
    key_hash = UnicodeAttribute()
    address = UnicodeAttribute()
    connected_at = UnicodeAttribute()
    expires_at = UnicodeAttribute()
    checked_at = UnicodeAttribute()
    channels = UnicodeSetAttribute(null=True)
    waiting = UnicodeSetAttribute(null=True)
    progressed = JSONAttribute(null=True)
    minute = NumberAttribute(null=True)
    said = NumberAttribute(null=True)


class DynamoConnections:
    def __init__(self, table: Table) -> None:
        self._table = table
        self._users = table.bind(UserRow)
        self._rows = table.bind(ConnectionRow)

    def open(self, connection: Connection) -> None:
        welcome = self._users.status == UserStatus.ACTIVE.value

        def fill(transaction: TransactWrite) -> None:
            transaction.condition_check(self._users, f"user#{connection.user_id}", "profile", condition=welcome)
            transaction.save(self._row(connection))

        try:
            self._table.write(fill)
        except TransactWriteError as error:
            if not any(conditions_failed(error)):
                raise
            raise NotWelcome from error

    def get(self, user_id: str, connection_id: str) -> Connection | None:
        try:
            return _connection(self._rows.get(*_key(user_id, connection_id), consistent_read=True))
        except self._rows.DoesNotExist:
            return None

    def of_user(self, user_id: str) -> Sequence[Connection]:
        found = self._rows.query(f"user#{user_id}", self._rows.sk.startswith("socket#"), consistent_read=True)
        return sorted(map(_connection, found), key=lambda c: (c.connected_at, c.id))

    def count(self, user_id: str, connection_id: str, minute: int, most: int) -> Connection | None:
        rows = self._rows
        row = rows(*_key(user_id, connection_id))
        if update_if(row, [rows.said.add(1)], (rows.minute == minute) & (rows.said < most)):
            return _connection(row)
        first: list[Action] = [rows.minute.set(minute), rows.said.set(1)]
        if update_if(row, first, rows.pk.exists() & (rows.minute.does_not_exist() | (rows.minute < minute))):
            return _connection(row)
        if self.get(user_id, connection_id) is None:
            return None
        raise OverflowError

    def checked(self, connection: Connection, caller: Caller, at: datetime) -> None:
        rows = self._rows
        self._update(
            connection,
            rows.checked_at.set(rfc3339(at)),
            rows.tier.set(caller.tier),
            rows.role.set(caller.role),
            rows.scopes.set(" ".join(sorted(caller.scopes))),
        )

    def listen(self, connection: Connection, channels: AbstractSet[str], *, waiting: bool) -> None:
        rows = self._rows
        now, otherwise = (rows.waiting, rows.channels) if waiting else (rows.channels, rows.waiting)
        self._update(connection, now.add(set(channels)), otherwise.delete(set(channels)))

    def ignore(self, connection: Connection, channels: AbstractSet[str]) -> None:
        rows = self._rows
        self._update(connection, rows.channels.delete(set(channels)), rows.waiting.delete(set(channels)))

    def caught_up(self, connection: Connection, channels: AbstractSet[str]) -> bool:
        rows = self._rows
        still = rows.pk.exists()
        for channel in channels:
            still &= rows.waiting.contains(channel)
        actions: list[Action] = [rows.channels.add(set(channels)), rows.waiting.delete(set(channels))]
        return update_if(self._at(connection), actions, still)

    def progressed(self, connection: Connection, at: Mapping[str, int]) -> None:
        self._update(connection, self._rows.progressed.set(dict(at)))

    def close(self, connection: Connection) -> None:
        self._at(connection).delete()

    def expired(self, now: datetime) -> Iterator[Connection]:
        for shard in range(DUE_SHARDS):
            for row in self._rows.due.query(f"due#socket#{shard}", DueIndex.gsi1sk <= rfc3339(now)):
                yield _connection(cast(ConnectionRow, row))

    def _update(self, connection: Connection, *actions: Action) -> None:
        """Nothing where the connection is gone."""
        update_if(self._at(connection), list(actions), self._rows.pk.exists())

    def _at(self, connection: Connection) -> ConnectionRow:
        return self._rows(*_key(connection.user_id, connection.id))

    def _row(self, connection: Connection) -> ConnectionRow:
        caller = connection.caller
        return self._rows(
            *_key(connection.user_id, connection.id),
            row="socket",
            gsi1pk=f"due#socket#{sum(connection.id.encode()) % DUE_SHARDS}",
            gsi1sk=rfc3339(connection.expires_at),
            ttl=int((connection.connected_at + _KEPT).timestamp()),
            tier=caller.tier,
            role=caller.role,
            scopes=" ".join(sorted(caller.scopes)),
            session_id=caller.session_id,
            key_id=caller.key_id,
            key_hash=connection.key_hash,
            address=connection.address,
            connected_at=rfc3339(connection.connected_at),
            expires_at=rfc3339(connection.expires_at),
            checked_at=rfc3339(connection.checked_at),
            channels=set(connection.channels) or None,
            waiting=set(connection.waiting) or None,
            progressed=dict(connection.progressed) or None,
        )


class DynamoEventLog:
    def __init__(self, table: Table) -> None:
        self._rows = table.bind(EventRow)

    def after(self, user_id: str, event_id: str, limit: int) -> Sequence[Event]:
        rows = self._rows.query(f"events#{user_id}", self._rows.sk > event_id, consistent_read=True, limit=limit)
        return [event_of_row(row) for row in rows]


def _key(user_id: str, connection_id: str) -> tuple[str, str]:
    return f"user#{user_id}", f"socket#{connection_id}"


def _connection(row: ConnectionRow) -> Connection:
    user_id = row.pk.removeprefix("user#")
    progressed: Mapping[str, Any] = row.progressed or {}
    return Connection(
        id=row.sk.removeprefix("socket#"),
        user_id=user_id,
        caller=Caller(user_id, row.tier, row.role, frozenset(row.scopes.split()), row.key_id, row.session_id),
        connected_at=from_rfc3339(row.connected_at),
        expires_at=from_rfc3339(row.expires_at),
        checked_at=from_rfc3339(row.checked_at),
        key_hash=row.key_hash,
        address=row.address,
        channels=frozenset(row.channels or ()),
        waiting=frozenset(row.waiting or ()),
        progressed={job: int(at) for job, at in progressed.items()},
    )

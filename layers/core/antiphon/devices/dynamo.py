"""Devices and their commands in the table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any, cast

from pynamodb.attributes import BooleanAttribute, JSONAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.exceptions import TransactWriteError
from pynamodb.expressions.update import Action
from pynamodb.transactions import TransactWrite

from antiphon.devices.model import KEEP, Capability, Command, Device, Origin, Outcome, Status
from antiphon.devices.ports import Gone, Stale
from antiphon.identity.dynamo import KeyRefRow, UserRow
from antiphon.identity.model import UserStatus
from antiphon.platform.clock import from_rfc3339, rfc3339
from antiphon.platform.events import Event
from antiphon.platform.outbox import EventRow, event_row
from antiphon.platform.pages import Page
from antiphon.platform.table import DueIndex, Row, Table, conditions_failed

_ROUNDS = 4
_MOMENTS = ("visible_at", "delivered_at", "confirmed_at", "acknowledged_at", "finished_at")


class DeviceRow(Row):
    """``hash`` leads to the row by which the authorizer finds it."""

    name = UnicodeAttribute()
    platform = UnicodeAttribute()
    capabilities = JSONAttribute()
    guarded = JSONAttribute()
    hash = UnicodeAttribute()
    created_at = UnicodeAttribute()
    updated_at = UnicodeAttribute()
    last_seen_at = UnicodeAttribute(null=True)
    leaving = BooleanAttribute(null=True)
    version = NumberAttribute()


class CommandRow(Row):
    action = UnicodeAttribute()
    arguments = JSONAttribute()
    status = UnicodeAttribute()
    created_at = UnicodeAttribute()
    expires_at = UnicodeAttribute()
    expires_in = NumberAttribute()
    origin = UnicodeAttribute()
    run_id = UnicodeAttribute(null=True)
    visible_at = UnicodeAttribute(null=True)
    deliveries = NumberAttribute()
    delivered_at = UnicodeAttribute(null=True)
    confirmed_at = UnicodeAttribute(null=True)
    acknowledged_at = UnicodeAttribute(null=True)
    finished_at = UnicodeAttribute(null=True)
    outcome = JSONAttribute(null=True)
    version = NumberAttribute()


class DynamoDevices:
    def __init__(self, table: Table) -> None:
        self._table = table
        self._users = table.bind(UserRow)
        self._rows = table.bind(DeviceRow)
        self._refs = table.bind(KeyRefRow)
        self._any = table.bind(Row)

    def create(self, device: Device) -> None:
        welcome = self._users.status == UserStatus.ACTIVE.value

        def fill(transaction: TransactWrite) -> None:
            transaction.condition_check(self._users, f"user#{device.user_id}", "profile", condition=welcome)
            transaction.save(self._row(device), condition=self._rows.pk.does_not_exist())
            transaction.save(self._ref(device), condition=self._refs.pk.does_not_exist())

        self._write(fill, device)

    def get(self, user_id: str, device_id: str) -> Device | None:
        try:
            return _device(self._rows.get(f"user#{user_id}", f"device#{device_id}", consistent_read=True))
        except self._rows.DoesNotExist:
            return None

    def of_user(self, user_id: str) -> Sequence[Device]:
        found = self._rows.query(
            f"user#{user_id}", self._rows.sk.startswith("device#"), consistent_read=True, scan_index_forward=False
        )
        return [_device(row) for row in found]

    def change(self, before: Device, after: Device) -> None:
        rows = self._rows
        actions: list[Action] = [
            rows.name.set(after.name),
            rows.capabilities.set(_capabilities(after)),
            rows.guarded.set(list(after.guarded)),
            rows.hash.set(after.key_hash),
            rows.updated_at.set(rfc3339(after.updated_at)),
            rows.version.set(after.version),
        ]

        def fill(transaction: TransactWrite) -> None:
            transaction.update(self._at(before), actions, condition=rows.version == before.version)
            if before.key_hash != after.key_hash:
                transaction.delete(self._refs(f"apikey#{before.key_hash}", "key"))
                transaction.save(self._ref(after), condition=self._refs.pk.does_not_exist())

        self._write(fill, after)

    def seen(self, device: Device, at: datetime) -> None:
        rows = self._rows
        actions: list[Action] = [rows.last_seen_at.set(rfc3339(at))]
        try:
            self._table.write(lambda t: t.update(self._at(device), actions, condition=rows.pk.exists()))
        except TransactWriteError as error:
            if not any(conditions_failed(error)):
                raise

    def remove(self, device: Device) -> int:
        leaving: Device | None = device
        for _ in range(_ROUNDS):
            if leaving is None:
                return 0
            if self._leave(leaving):
                break
            leaving = self.get(device.user_id, device.id)
        else:
            raise Stale
        removed = 0
        commands = self._any.query(
            f"user#{device.user_id}",
            self._any.sk.startswith(f"command#{device.id}#"),
            consistent_read=True,
            attributes_to_get=["pk", "sk", "row"],
        )
        with self._any.batch_write() as batch:
            for row in commands:
                batch.delete(self._any(row.pk, row.sk))
                removed += 1
        self._at(device).delete()
        return removed + 2

    def _leave(self, device: Device) -> bool:
        """Its key ends, and no command of it can be written any more. False where it has another key by now, or is gone."""
        rows = self._rows
        actions: list[Action] = [rows.leaving.set(True), rows.version.set(rows.version + 1)]

        def fill(transaction: TransactWrite) -> None:
            transaction.update(self._at(device), actions, condition=rows.hash == device.key_hash)
            transaction.delete(self._refs(f"apikey#{device.key_hash}", "key"))

        try:
            self._table.write(fill)
        except TransactWriteError as error:
            if not any(conditions_failed(error)):
                raise
            return False
        return True

    def _write(self, fill: Any, wanted: Device) -> None:
        try:
            self._table.write(fill)
        except TransactWriteError as error:
            if not any(conditions_failed(error)):
                raise
            known = self.get(wanted.user_id, wanted.id)
            # Our own write whose answer was lost is no loss.
            if known is None or replace(known, last_seen_at=None) != _device(
                self._row(replace(wanted, last_seen_at=None))
            ):
                raise Stale from error

    def _at(self, device: Device) -> DeviceRow:
        return self._rows(f"user#{device.user_id}", f"device#{device.id}")

    def _row(self, device: Device) -> DeviceRow:
        return self._rows(
            f"user#{device.user_id}",
            f"device#{device.id}",
            row="device",
            name=device.name,
            platform=device.platform,
            capabilities=_capabilities(device),
            guarded=list(device.guarded),
            hash=device.key_hash,
            created_at=rfc3339(device.created_at),
            updated_at=rfc3339(device.updated_at),
            last_seen_at=_text(device.last_seen_at),
            version=device.version,
        )

    def _ref(self, device: Device) -> KeyRefRow:
        """As of an API key, with the device in the place of the key."""
        return self._refs(
            f"apikey#{device.key_hash}",
            "key",
            row="key-ref",
            user_id=device.user_id,
            key_id=device.id,
            name=device.name,
            prefix="",
            hash=device.key_hash,
            scopes="",
            created_at=rfc3339(device.updated_at),
        )


class DynamoCommands:
    def __init__(self, table: Table) -> None:
        self._table = table
        self._devices = table.bind(DeviceRow)
        self._rows = table.bind(CommandRow)
        self._events = table.bind(EventRow)

    def save(self, before: Command | None, after: Command, event: Event | None) -> None:
        rows, devices = self._rows, self._devices
        row = self._row(after)
        here = devices.pk.exists() & devices.leaving.does_not_exist()
        unchanged = rows.pk.does_not_exist() if before is None else rows.version == before.version

        def fill(transaction: TransactWrite) -> None:
            transaction.condition_check(devices, f"user#{after.user_id}", f"device#{after.device_id}", condition=here)
            transaction.save(row, condition=unchanged)
            if event:
                transaction.save(event_row(self._events, event))

        try:
            self._table.write(fill)
        except TransactWriteError as error:
            failed = conditions_failed(error)
            if not any(failed):
                raise
            if failed[0]:
                raise Gone from error
            # Our own write whose answer was lost is no loss.
            if self.get(after.user_id, after.device_id, after.id) != _command(row):
                raise Stale from error

    def get(self, user_id: str, device_id: str, command_id: str) -> Command | None:
        try:
            return _command(self._rows.get(*_key(user_id, device_id, command_id), consistent_read=True))
        except self._rows.DoesNotExist:
            return None

    def page(self, user_id: str, device_id: str, limit: int, position: str | None = None) -> Page[Command]:
        pk, sk = _key(user_id, device_id, position or "")
        rows = self._rows.query(
            pk,
            self._rows.sk.startswith(_key(user_id, device_id, "")[1]),
            scan_index_forward=False,
            limit=limit + 1,
            last_evaluated_key={"pk": {"S": pk}, "sk": {"S": sk}} if position else None,
            consistent_read=True,
        )
        found = [_command(row) for row in rows]
        return Page(tuple(found[:limit]), found[limit - 1].id if len(found) > limit else None)

    def due(self, device_id: str, until: datetime | None = None) -> Sequence[Command]:
        by_then = DueIndex.gsi1sk <= rfc3339(until) if until else None
        found = self._rows.due.query(_due_partition(device_id), by_then)
        return [_command(cast(CommandRow, row)) for row in found]

    def _row(self, command: Command) -> CommandRow:
        due, outcome = command.due_at, command.outcome
        moments: dict[str, Any] = {name: _text(getattr(command, name)) for name in _MOMENTS}
        return self._rows(
            *_key(command.user_id, command.device_id, command.id),
            row="command",
            gsi1pk=_due_partition(command.device_id) if due else None,
            gsi1sk=_text(due),
            ttl=int((command.created_at + KEEP).timestamp()),
            action=command.action,
            arguments=dict(command.arguments),
            status=command.status.value,
            created_at=rfc3339(command.created_at),
            expires_at=rfc3339(command.expires_at),
            expires_in=command.expires_in,
            origin=command.origin.value,
            run_id=command.run_id,
            deliveries=command.deliveries,
            outcome=outcome and [outcome.status.value, _plain(outcome.result), _plain(outcome.error)],
            version=command.version,
            **moments,
        )


def _key(user_id: str, device_id: str, command_id: str) -> tuple[str, str]:
    return f"user#{user_id}", f"command#{device_id}#{command_id}"


def _due_partition(device_id: str) -> str:
    return f"due#command#{device_id}"


def _capabilities(device: Device) -> list[dict[str, Any]]:
    return [asdict(capability) for capability in device.capabilities]


def _plain(value: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return None if value is None else dict(value)


def _text(moment: datetime | None) -> str | None:
    return rfc3339(moment) if moment else None


def _moment(text: str | None) -> datetime | None:
    return from_rfc3339(text) if text else None


def _device(row: DeviceRow) -> Device:
    return Device(
        id=row.sk.removeprefix("device#"),
        user_id=row.pk.removeprefix("user#"),
        name=row.name,
        platform=row.platform,
        capabilities=tuple(Capability(**each) for each in row.capabilities),
        created_at=from_rfc3339(row.created_at),
        updated_at=from_rfc3339(row.updated_at),
        key_hash=row.hash,
        guarded=tuple(row.guarded),
        last_seen_at=_moment(row.last_seen_at),
        leaving=bool(row.leaving),
        version=int(row.version),
    )


def _command(row: CommandRow) -> Command:
    _, device_id, command_id = row.sk.split("#")
    outcome = row.outcome and Outcome(Status(row.outcome[0]), *row.outcome[1:])
    return Command(
        id=command_id,
        user_id=row.pk.removeprefix("user#"),
        device_id=device_id,
        action=row.action,
        arguments=row.arguments,
        status=Status(row.status),
        created_at=from_rfc3339(row.created_at),
        expires_at=from_rfc3339(row.expires_at),
        expires_in=int(row.expires_in),
        origin=Origin(row.origin),
        run_id=row.run_id,
        deliveries=int(row.deliveries),
        outcome=outcome or None,
        version=int(row.version),
        **{name: _moment(getattr(row, name)) for name in _MOMENTS},
    )

"""Endpoints, deliveries and events in the table.

The secrets of endpoints and accounts lie in their rows as the vault has sealed them.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

from pynamodb.attributes import BooleanAttribute, JSONAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.exceptions import PutError, TransactWriteError
from pynamodb.transactions import TransactWrite

from antiphon.platform.clock import from_rfc3339, rfc3339
from antiphon.platform.events import Event
from antiphon.platform.ids import first_id
from antiphon.platform.outbox import EventRow, event_of_row, event_row
from antiphon.platform.pages import Page
from antiphon.platform.table import DUE_SHARDS, Row, Table, code_of
from antiphon.webhooks.model import (
    CALLBACK,
    KEEP,
    MAX_ENDPOINTS,
    Attempt,
    Delivery,
    Endpoint,
    Failing,
    Keyring,
    Outcome,
    Secret,
    Status,
    Trigger,
)
from antiphon.webhooks.ports import Stale

_LOST = "ConditionalCheckFailedException"
_KEYRING = "webhook-secret"


class EndpointRow(Row):
    url = UnicodeAttribute()
    events = JSONAttribute()
    created_at = UnicodeAttribute()
    secrets = JSONAttribute()
    description = UnicodeAttribute(null=True)
    active = BooleanAttribute()
    disabled_reason = UnicodeAttribute(null=True)
    updated_at = UnicodeAttribute(null=True)
    failing = JSONAttribute(null=True)
    ended_at = UnicodeAttribute(null=True)
    version = NumberAttribute()


class KeyringRow(Row):
    secrets = JSONAttribute()
    version = NumberAttribute()


class DeliveryRow(Row):
    user_id = UnicodeAttribute()
    endpoint_id = UnicodeAttribute()
    event_id = UnicodeAttribute()
    event_type = UnicodeAttribute()
    url = UnicodeAttribute()
    body = UnicodeAttribute()
    created_at = UnicodeAttribute()
    status = UnicodeAttribute()
    planned = NumberAttribute()
    next_attempt_at = UnicodeAttribute(null=True)
    attempts = JSONAttribute()
    version = NumberAttribute()


class DeliveryRefRow(Row):
    user_id = UnicodeAttribute()
    endpoint_id = UnicodeAttribute()


def _secrets_data(secrets: tuple[Secret, ...]) -> list[list[str | None]]:
    return [[s.id, s.sealed, s.hint, rfc3339(s.created_at), rfc3339(s.until) if s.until else None] for s in secrets]


def _secrets_of(data: list[list[Any]]) -> tuple[Secret, ...]:
    return tuple(
        Secret(name, sealed, hint, from_rfc3339(created), until and from_rfc3339(until))
        for name, sealed, hint, created, until in data
    )


def _time(text: str | None) -> datetime | None:
    return from_rfc3339(text) if text else None


def _failing_data(failing: Failing) -> list[str | None]:
    return [rfc3339(failing.first), rfc3339(failing.last), rfc3339(failing.since) if failing.since else None]


def _failing_of(data: list[str | None]) -> Failing:
    first, last, since = data
    return Failing(from_rfc3339(first or ""), from_rfc3339(last or ""), _time(since))


def _endpoint_of(row: EndpointRow) -> Endpoint:
    return Endpoint(
        id=row.sk.removeprefix("webhook#"),
        user_id=row.pk.removeprefix("user#"),
        url=row.url,
        events=tuple(row.events),
        created_at=from_rfc3339(row.created_at),
        secrets=_secrets_of(row.secrets),
        description=row.description or "",
        active=row.active,
        disabled_reason=row.disabled_reason,
        updated_at=_time(row.updated_at),
        failing=_failing_of(row.failing) if row.failing else None,
        ended_at=_time(row.ended_at),
        version=int(row.version),
    )


def _row_of_endpoint(rows: type[EndpointRow], endpoint: Endpoint) -> EndpointRow:
    return rows(
        f"user#{endpoint.user_id}",
        f"webhook#{endpoint.id}",
        row="endpoint",
        url=endpoint.url,
        events=list(endpoint.events),
        created_at=rfc3339(endpoint.created_at),
        secrets=_secrets_data(endpoint.secrets),
        description=endpoint.description or None,
        active=endpoint.active,
        disabled_reason=endpoint.disabled_reason,
        updated_at=rfc3339(endpoint.updated_at) if endpoint.updated_at else None,
        failing=_failing_data(endpoint.failing) if endpoint.failing else None,
        ended_at=rfc3339(endpoint.ended_at) if endpoint.ended_at else None,
        version=endpoint.version,
    )


class DynamoEndpointStore:
    def __init__(self, table: Table) -> None:
        self._table = table
        self._rows = table.bind(EndpointRow)
        self._traces = table.bind(Row)
        self._keyrings = table.bind(KeyringRow)
        self._outbox = table.bind(EventRow)

    def create(self, endpoint: Endpoint) -> Endpoint:
        row = _row_of_endpoint(self._rows, endpoint)
        try:
            row.save(condition=self._rows.pk.does_not_exist())
        except PutError as error:
            found = self.get(endpoint.user_id, endpoint.id) if code_of(error) == _LOST else None
            if found is None:
                raise
            return found
        return _endpoint_of(row)

    def get(self, user_id: str, endpoint_id: str) -> Endpoint | None:
        try:
            return _endpoint_of(self._rows.get(f"user#{user_id}", f"webhook#{endpoint_id}", consistent_read=True))
        except self._rows.DoesNotExist:
            return None

    def of_user(self, user_id: str) -> Sequence[Endpoint]:
        found = self._rows.query(
            f"user#{user_id}",
            self._rows.sk.startswith("webhook#"),
            consistent_read=True,
            scan_index_forward=False,
            page_size=MAX_ENDPOINTS * 2,
        )
        return [_endpoint_of(row) for row in found]

    def replace(self, before: Endpoint, after: Endpoint, event: Event | None = None) -> bool:
        row, unchanged = _row_of_endpoint(self._rows, after), self._rows.version == before.version

        def fill(transaction: TransactWrite) -> None:
            transaction.save(row, condition=unchanged)
            if event is not None:
                transaction.save(event_row(self._outbox, event))

        try:
            if event is None:
                row.save(condition=unchanged)
            else:
                self._table.write(fill)
        except (PutError, TransactWriteError) as error:
            if code_of(error) not in (_LOST, "TransactionCanceledException"):
                raise
            # The write itself may have won and only its answer got lost: botocore's second try then meets our own row.
            return self.get(after.user_id, after.id) == _endpoint_of(row)
        return True

    def delete(self, user_id: str, endpoint_id: str, at: datetime) -> bool:
        pk, kept = f"user#{user_id}", int((at + KEEP).timestamp())
        trace = self._traces(pk, f"webhook-gone#{endpoint_id}", row="webhook_gone", ttl=kept)
        try:
            with self._table.transaction() as transaction:
                transaction.delete(self._rows(pk, f"webhook#{endpoint_id}"), condition=self._rows.pk.exists())
                transaction.save(trace)
        except TransactWriteError as error:
            if not any(reason and reason.code == "ConditionalCheckFailed" for reason in error.cancellation_reasons):
                raise
            return False
        return True

    def keyring(self, user_id: str) -> Keyring | None:
        try:
            row = self._keyrings.get(f"user#{user_id}", _KEYRING, consistent_read=True)
        except self._keyrings.DoesNotExist:
            return None
        return Keyring(user_id, _secrets_of(row.secrets), int(row.version))

    def create_keyring(self, keyring: Keyring) -> Keyring:
        try:
            self._row_of_keyring(keyring).save(condition=self._keyrings.pk.does_not_exist())
        except PutError as error:
            stored = self.keyring(keyring.user_id) if code_of(error) == _LOST else None
            if stored is None:
                raise
            return stored
        return keyring

    def replace_keyring(self, before: Keyring, after: Keyring) -> bool:
        try:
            self._row_of_keyring(after).save(condition=self._keyrings.version == before.version)
        except PutError as error:
            if code_of(error) != _LOST:
                raise
            return self.keyring(after.user_id) == after
        return True

    def _row_of_keyring(self, keyring: Keyring) -> KeyringRow:
        return self._keyrings(
            f"user#{keyring.user_id}",
            _KEYRING,
            row="webhook_secret",
            secrets=_secrets_data(keyring.secrets),
            version=keyring.version,
        )


def partition_of(user_id: str, endpoint_id: str) -> str:
    """``callback`` is not an id of its own, so that the user makes it one."""
    return f"webhook#{CALLBACK}#{user_id}" if endpoint_id == CALLBACK else f"webhook#{endpoint_id}"


def _attempt_data(attempt: Attempt) -> dict[str, Any]:
    outcome = attempt.outcome
    return {
        "number": attempt.number,
        "request": attempt.request,
        "trigger": attempt.trigger.value,
        "at": rfc3339(attempt.at),
        "next": attempt.next_attempt_at and rfc3339(attempt.next_attempt_at),
        "outcome": [outcome.status_code, outcome.error, outcome.duration_ms, outcome.answer, outcome.retry_after],
    }


def _attempt_of(data: Mapping[str, Any]) -> Attempt:
    following = data["next"] and from_rfc3339(data["next"])
    return Attempt(
        data["number"],
        data["request"],
        Trigger(data["trigger"]),
        from_rfc3339(data["at"]),
        Outcome(*data["outcome"]),
        following,
    )


def _delivery_of(row: DeliveryRow) -> Delivery:
    return Delivery(
        id=row.sk.removeprefix("delivery#"),
        user_id=row.user_id,
        endpoint_id=row.endpoint_id,
        event_id=row.event_id,
        event_type=row.event_type,
        url=row.url,
        body=row.body,
        created_at=from_rfc3339(row.created_at),
        status=Status(row.status),
        planned=int(row.planned),
        next_attempt_at=from_rfc3339(row.next_attempt_at) if row.next_attempt_at else None,
        due_at=from_rfc3339(row.gsi1sk) if row.gsi1sk else None,
        attempts=tuple(_attempt_of(data) for data in row.attempts),
        version=int(row.version),
    )


def _row_of_delivery(rows: type[DeliveryRow], delivery: Delivery) -> DeliveryRow:
    shard = sum(delivery.id.encode()) % DUE_SHARDS
    return rows(
        partition_of(delivery.user_id, delivery.endpoint_id),
        f"delivery#{delivery.id}",
        row="delivery",
        gsi1pk=f"due#delivery#{shard}" if delivery.due_at else None,
        gsi1sk=rfc3339(delivery.due_at) if delivery.due_at else None,
        ttl=int(delivery.expires_at.timestamp()),
        user_id=delivery.user_id,
        endpoint_id=delivery.endpoint_id,
        event_id=delivery.event_id,
        event_type=delivery.event_type,
        url=delivery.url,
        body=delivery.body,
        created_at=rfc3339(delivery.created_at),
        status=delivery.status.value,
        planned=delivery.planned,
        next_attempt_at=rfc3339(delivery.next_attempt_at) if delivery.next_attempt_at else None,
        attempts=[_attempt_data(attempt) for attempt in delivery.attempts],
        version=delivery.version,
    )


class DynamoDeliveryStore:
    def __init__(self, table: Table) -> None:
        self._table = table
        self._rows = table.bind(DeliveryRow)
        self._refs = table.bind(DeliveryRefRow)

    def create(self, delivery: Delivery) -> Delivery:
        ref = self._refs(
            f"delivery#{delivery.id}",
            "ref",
            row="delivery_ref",
            ttl=int(delivery.expires_at.timestamp()),
            user_id=delivery.user_id,
            endpoint_id=delivery.endpoint_id,
        )
        row = _row_of_delivery(self._rows, delivery)
        try:
            with self._table.transaction() as transaction:
                transaction.save(row, condition=self._rows.pk.does_not_exist())
                transaction.save(ref)
        except TransactWriteError:
            found = self.get(delivery.user_id, delivery.endpoint_id, delivery.id)
            if found is None:
                raise
            return found
        return _delivery_of(row)

    def get(self, user_id: str, endpoint_id: str, delivery_id: str) -> Delivery | None:
        try:
            return _delivery_of(
                self._rows.get(partition_of(user_id, endpoint_id), f"delivery#{delivery_id}", consistent_read=True)
            )
        except self._rows.DoesNotExist:
            return None

    def find(self, delivery_id: str) -> Delivery | None:
        try:
            ref = self._refs.get(f"delivery#{delivery_id}", "ref", consistent_read=True)
        except self._refs.DoesNotExist:
            return None
        return self.get(ref.user_id, ref.endpoint_id, delivery_id)

    def replace(self, before: Delivery, after: Delivery) -> None:
        row = _row_of_delivery(self._rows, after)
        try:
            row.save(condition=self._rows.version == before.version)
        except PutError as error:
            if code_of(error) != _LOST:
                raise
            # As above: our own write, seen again by the second try, is no loss.
            if self.get(after.user_id, after.endpoint_id, after.id) != _delivery_of(row):
                raise Stale from error

    def remove(self, delivery: Delivery) -> None:
        with self._table.transaction() as transaction:
            transaction.delete(self._refs(f"delivery#{delivery.id}", "ref"))
            transaction.delete(
                self._rows(partition_of(delivery.user_id, delivery.endpoint_id), f"delivery#{delivery.id}")
            )

    def list(
        self, user_id: str, endpoint_id: str, now: datetime, *, limit: int, position: str | None = None
    ) -> Page[Delivery]:
        pk, rows = partition_of(user_id, endpoint_id), self._rows
        start = {"pk": {"S": pk}, "sk": {"S": f"delivery#{position}"}} if position else None
        found = rows.query(
            pk, rows.sk.startswith("delivery#"), scan_index_forward=False, limit=limit + 1, last_evaluated_key=start
        )
        items = [_delivery_of(row) for row in islice(found, limit + 1)]
        # Newest first, so what has expired and is not yet removed is the end of the list.
        alive = [d for d in items if d.expires_at > now]
        return Page(tuple(alive[:limit]), alive[limit - 1].id if len(alive) > limit else None)

    def between(
        self, user_id: str, endpoint_id: str, since: datetime, until: datetime, now: datetime
    ) -> Iterator[Delivery]:
        pk, rows = partition_of(user_id, endpoint_id), self._rows
        found = rows.query(
            pk, rows.sk.between(f"delivery#{first_id('dlv', since)}", f"delivery#{first_id('dlv', until)}")
        )
        return (delivery for row in found if (delivery := _delivery_of(row)).expires_at > now)

    def due(self, until: datetime) -> Iterator[Delivery]:
        shards = (self._due(shard, until) for shard in range(DUE_SHARDS))
        yield from heapq.merge(*shards, key=lambda d: d.due_at or until)

    def _due(self, shard: int, until: datetime) -> Iterator[Delivery]:
        rows = self._rows
        found: Any = rows.due.query(f"due#delivery#{shard}", rows.gsi1sk <= rfc3339(until))
        return (_delivery_of(row) for row in found)


class DynamoEventStore:
    def __init__(self, table: Table) -> None:
        self._rows = table.bind(EventRow)

    def get(self, user_id: str, event_id: str) -> Event | None:
        try:
            return event_of_row(self._rows.get(f"events#{user_id}", event_id, consistent_read=True))
        except self._rows.DoesNotExist:
            return None

    def between(self, user_id: str, since: datetime, until: datetime, *, newest_first: bool = False) -> Iterator[Event]:
        rows = self._rows
        found = rows.query(
            f"events#{user_id}",
            rows.sk.between(first_id("evt", since), first_id("evt", until)),
            scan_index_forward=not newest_first,
        )
        return (event_of_row(row) for row in found)

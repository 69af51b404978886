"""Idempotency records in the table."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from pynamodb.attributes import JSONAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.exceptions import PutError

from antiphon.platform.idempotency import Answer, Record
from antiphon.platform.table import Row, Table, code_of

_CONDITION_FAILED = "ConditionalCheckFailedException"


class IdempotencyRow(Row):
    owner = UnicodeAttribute()
    seed = UnicodeAttribute()
    fingerprint = UnicodeAttribute()
    locked_until = NumberAttribute()
    expires_at = NumberAttribute()
    answer = JSONAttribute(null=True)


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(float(seconds), UTC)


class DynamoIdempotencyStore:
    def __init__(self, table: Table) -> None:
        self._rows = table.bind(IdempotencyRow)

    def get(self, user: str, record_id: str) -> Record | None:
        try:
            row = self._rows.get(f"idem#{user}", record_id, consistent_read=True)
        except self._rows.DoesNotExist:
            return None
        answer = row.answer and Answer(
            row.answer["status"], tuple((k, v) for k, v in row.answer["headers"]), row.answer["body"]
        )
        return Record(
            user,
            record_id,
            row.owner,
            row.seed,
            row.fingerprint,
            _moment(row.locked_until),
            _moment(row.expires_at),
            answer or None,
        )

    def claim(self, record: Record, now: datetime) -> Record | None:
        rows, seconds = self._rows, now.timestamp()
        free = (
            rows.pk.does_not_exist()
            | (rows.expires_at <= seconds)
            | (rows.answer.does_not_exist() & (rows.locked_until <= seconds))
        )
        try:
            self._row(record).save(condition=free)
        except PutError as error:
            if code_of(error) != _CONDITION_FAILED:
                raise
            live = self.get(record.user, record.id)
            return None if live and live.owner == record.owner else live
        return None

    def finish(self, record: Record) -> None:
        try:
            self._row(record).save(condition=self._rows.owner == record.owner)
        except PutError as error:
            if code_of(error) != _CONDITION_FAILED:
                raise

    def release(self, record: Record) -> None:
        self.finish(replace(record, locked_until=datetime.fromtimestamp(0, UTC), answer=None))

    def _row(self, record: Record) -> IdempotencyRow:
        answer = record.answer and {
            "status": record.answer.status,
            "headers": list(record.answer.headers),
            "body": record.answer.body,
        }
        return self._rows(
            f"idem#{record.user}",
            record.id,
            row="idempotency",
            owner=record.owner,
            seed=record.seed,
            fingerprint=record.fingerprint,
            locked_until=record.locked_until.timestamp(),
            expires_at=record.expires_at.timestamp(),
            ttl=int(record.expires_at.timestamp()),
            answer=answer,
        )

"""Media items in the table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from pynamodb.attributes import JSONAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.exceptions import TransactWriteError
from pynamodb.expressions.condition import Condition
from pynamodb.transactions import TransactWrite

from antiphon.identity.tiers import limits_of
from antiphon.media.items import Media, MediaStatus
from antiphon.platform.clock import from_rfc3339, rfc3339
from antiphon.platform.table import DUE_SHARDS, DueIndex, Row, Table, conditions_failed
from antiphon.speech.metering import QuotaExceeded, Usage, month_at, quota_reached
from antiphon.speech.model import UPLOAD_WINDOW, Failure, Source
from antiphon.speech.usage_dynamo import DynamoUsage


class MediaRow(Row):
    purpose = UnicodeAttribute()
    filename = UnicodeAttribute()
    content_type = UnicodeAttribute()
    size = NumberAttribute()
    created_at = UnicodeAttribute()
    status = UnicodeAttribute()
    source = JSONAttribute(null=True)
    error = JSONAttribute(null=True)
    tier = UnicodeAttribute(default="free")


class DynamoMediaStore:
    def __init__(self, table: Table) -> None:
        self._table = table
        self._rows = table.bind(MediaRow)
        self._usage = DynamoUsage(table)

    def get(self, user_id: str, media_id: str) -> Media | None:
        try:
            return _media_of(self._rows.get(f"user#{user_id}", f"media#{media_id}", consistent_read=True))
        except self._rows.DoesNotExist:
            return None

    def create(self, media: Media) -> None:
        limit = limits_of(media.tier).storage_bytes
        self._write(media, self._rows.pk.does_not_exist(), media.held_bytes, {"storage_bytes": limit})

    def settle(self, media: Media) -> None:
        known = self.get(media.user_id, media.id)
        if known is None or known.status is not MediaStatus.AWAITING_UPLOAD:
            return
        waiting = self._rows.status == MediaStatus.AWAITING_UPLOAD.value
        self._write(media, waiting, media.held_bytes - known.held_bytes, {})

    def due(self, now: datetime) -> Iterator[Media]:
        for shard in range(DUE_SHARDS):
            for row in self._rows.due.query(f"due#media#{shard}", DueIndex.gsi1sk <= rfc3339(now)):
                media = self.get(row.pk.removeprefix("user#"), row.sk.removeprefix("media#"))
                if media and media.status is MediaStatus.AWAITING_UPLOAD:
                    yield media

    def _write(self, media: Media, condition: Condition, held: int, limits: Mapping[str, int]) -> None:
        row = _row_of(self._rows, media)
        delta = Usage(storage_bytes=held)

        def fill(transaction: TransactWrite) -> None:
            transaction.save(row, condition=condition)
            self._usage.add(transaction, media.user_id, month_at(media.created_at), delta, limits)

        try:
            self._table.write(fill)
        except TransactWriteError as error:
            failed = conditions_failed(error)
            if not any(failed):
                raise
            if not failed[0]:  # updates are the last of a transaction: it is the use that has no room
                month, now = month_at(media.created_at), media.created_at
                self._usage.tell(quota_reached(media.user_id, media.tier, month, "storage_bytes", now))
                raise QuotaExceeded("storage_bytes", limits["storage_bytes"], now) from error


def _row_of(rows: type[MediaRow], media: Media) -> MediaRow:
    due: dict[str, Any] = {}
    if media.status is MediaStatus.AWAITING_UPLOAD:
        shard = sum(media.id.encode()) % DUE_SHARDS
        due = {"gsi1pk": f"due#media#{shard}", "gsi1sk": rfc3339(media.created_at + UPLOAD_WINDOW)}
    return rows(
        f"user#{media.user_id}",
        f"media#{media.id}",
        row="media",
        purpose=media.purpose,
        filename=media.filename,
        content_type=media.content_type,
        size=media.size,
        created_at=rfc3339(media.created_at),
        status=media.status.value,
        source=asdict(media.source) if media.source else None,
        error=asdict(media.error) if media.error else None,
        tier=media.tier,
        **due,
    )


def _media_of(row: MediaRow) -> Media:
    return Media(
        id=row.sk.removeprefix("media#"),
        user_id=row.pk.removeprefix("user#"),
        purpose=row.purpose,
        filename=row.filename,
        content_type=row.content_type,
        size=int(row.size),
        created_at=from_rfc3339(row.created_at),
        status=MediaStatus(row.status),
        source=Source(**row.source) if row.source else None,
        error=Failure(**row.error) if row.error else None,
        tier=row.tier,
    )

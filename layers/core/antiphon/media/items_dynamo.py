"""Media items in the table."""

from __future__ import annotations

import struct
from base64 import b64decode, b64encode
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
from antiphon.media.model import Facts
from antiphon.platform.clock import from_rfc3339, rfc3339
from antiphon.platform.events import Event
from antiphon.platform.outbox import EventRow, event_row
from antiphon.platform.pages import Page
from antiphon.platform.table import DUE_SHARDS, DueIndex, Row, Table, conditions_failed
from antiphon.speech.metering import QuotaExceeded, Usage, month_at, quota_reached
from antiphon.speech.model import Failure, Source
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
    parent_id = UnicodeAttribute(null=True)
    facts = JSONAttribute(null=True)
    inspections = NumberAttribute(default=0)


class DynamoMediaStore:
    def __init__(self, table: Table) -> None:
        self._table = table
        self._rows = table.bind(MediaRow)
        self._events = table.bind(EventRow)
        self._usage = DynamoUsage(table)

    def get(self, user_id: str, media_id: str) -> Media | None:
        try:
            return media_of(self._rows.get(f"user#{user_id}", f"media#{media_id}", consistent_read=True))
        except self._rows.DoesNotExist:
            return None

    def create(self, media: Media) -> None:
        limit = limits_of(media.tier).storage_bytes
        self._write(media, self._rows.pk.does_not_exist(), media.held_bytes, {"storage_bytes": limit})

    def settle(
        self, media: Media, event: Event | None = None, *, leaving: MediaStatus = MediaStatus.AWAITING_UPLOAD
    ) -> None:
        known = self.get(media.user_id, media.id)
        if known is None or known.status is not leaving:
            return
        unchanged = (self._rows.status == leaving.value) & (self._rows.inspections == known.inspections)
        self._write(media, unchanged, media.held_bytes - known.held_bytes, {}, event)

    def list(
        self, user_id: str, *, limit: int, position: str | None = None, parent_id: str | None = None
    ) -> Page[Media]:
        rows, pk = self._rows, f"user#{user_id}"
        found = [
            media_of(row)
            for row in rows.query(
                pk,
                rows.sk.startswith("media#"),
                filter_condition=rows.parent_id == parent_id if parent_id else None,
                scan_index_forward=False,
                limit=limit + 1,
                last_evaluated_key={"pk": {"S": pk}, "sk": {"S": f"media#{position}"}} if position else None,
            )
        ]
        return Page(tuple(found[:limit]), found[limit - 1].id if len(found) > limit else None)

    def due(self, now: datetime) -> Iterator[Media]:
        for shard in range(DUE_SHARDS):
            for row in self._rows.due.query(f"due#media#{shard}", DueIndex.gsi1sk <= rfc3339(now)):
                media = self.get(row.pk.removeprefix("user#"), row.sk.removeprefix("media#"))
                if media and media.due_at and media.due_at <= now:
                    yield media

    def delete(self, media: Media) -> int:
        known: Media | None = media
        while known is not None and not self._forgotten(known):
            known = self.get(media.user_id, media.id)
        return 0 if known is None else 1

    def _forgotten(self, media: Media) -> bool:
        """Whether the row was as it was read."""
        rows = self._rows
        row = rows(f"user#{media.user_id}", f"media#{media.id}")
        same = (rows.status == media.status.value) & (rows.inspections == media.inspections)

        def fill(transaction: TransactWrite) -> None:
            transaction.delete(row, condition=same)
            freed = Usage(storage_bytes=-media.held_bytes)
            self._usage.add(transaction, media.user_id, month_at(media.created_at), freed, {})

        return self._table.write_if(fill)

    def _write(
        self, media: Media, condition: Condition, held: int, limits: Mapping[str, int], event: Event | None = None
    ) -> None:
        row = row_of(self._rows, media)
        delta = Usage(storage_bytes=held)

        def fill(transaction: TransactWrite) -> None:
            transaction.save(row, condition=condition)
            if event:
                transaction.save(event_row(self._events, event))
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


def row_of(rows: type[MediaRow], media: Media) -> MediaRow:
    due: dict[str, Any] = {}
    if media.due_at:
        shard = sum(media.id.encode()) % DUE_SHARDS
        due = {"gsi1pk": f"due#media#{shard}", "gsi1sk": rfc3339(media.due_at)}
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
        parent_id=media.parent_id,
        facts=_packed(media.facts) if media.facts else None,
        inspections=media.inspections,
        **due,
    )


def media_of(row: MediaRow) -> Media:
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
        parent_id=row.parent_id,
        facts=_unpacked(row.facts) if row.facts else None,
        due_at=from_rfc3339(row.gsi1sk) if row.gsi1sk else None,
        inspections=int(row.inspections),
    )


def _packed(facts: Facts) -> dict[str, Any]:
    """The peaks as text of one byte each: a list shows a hundred items."""
    peaks = struct.pack(f"{len(facts.peaks)}b", *facts.peaks)
    return {**asdict(facts), "peaks": b64encode(peaks).decode()}


def _unpacked(data: Mapping[str, Any]) -> Facts:
    peaks = b64decode(data["peaks"])
    return Facts(**{**data, "peaks": struct.unpack(f"{len(peaks)}b", peaks)})

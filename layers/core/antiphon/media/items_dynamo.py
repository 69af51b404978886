"""Media items in the table."""

from __future__ import annotations

from dataclasses import asdict

from pynamodb.attributes import JSONAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.exceptions import PutError

from antiphon.media.items import Media, MediaStatus
from antiphon.platform.clock import from_rfc3339, rfc3339
from antiphon.platform.table import Row, Table
from antiphon.speech.model import Failure, Source


class MediaRow(Row):
    purpose = UnicodeAttribute()
    filename = UnicodeAttribute()
    content_type = UnicodeAttribute()
    size = NumberAttribute()
    created_at = UnicodeAttribute()
    status = UnicodeAttribute()
    source = JSONAttribute(null=True)
    error = JSONAttribute(null=True)


class DynamoMediaStore:
    def __init__(self, table: Table) -> None:
        self._rows = table.bind(MediaRow)

    def get(self, user_id: str, media_id: str) -> Media | None:
        try:
            row = self._rows.get(f"user#{user_id}", f"media#{media_id}", consistent_read=True)
        except self._rows.DoesNotExist:
            return None
        return Media(
            id=media_id,
            user_id=user_id,
            purpose=row.purpose,
            filename=row.filename,
            content_type=row.content_type,
            size=int(row.size),
            created_at=from_rfc3339(row.created_at),
            status=MediaStatus(row.status),
            source=Source(**row.source) if row.source else None,
            error=Failure(**row.error) if row.error else None,
        )

    def create(self, media: Media) -> None:
        self._write(media, self._rows.pk.does_not_exist())

    def settle(self, media: Media) -> None:
        self._write(media, self._rows.status == MediaStatus.AWAITING_UPLOAD.value)

    def _write(self, media: Media, condition: object) -> None:
        row = self._rows(
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
        )
        try:
            row.save(condition=condition)  # type: ignore[arg-type]
        except PutError as error:
            if error.cause_response_code != "ConditionalCheckFailedException":
                raise

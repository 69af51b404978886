"""A media item: a file that a user uploaded to work with, before any job exists."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from antiphon.platform.errors import Conflict
from antiphon.speech.model import Failure, Source


class MediaStatus(StrEnum):
    AWAITING_UPLOAD = "awaiting_upload"
    READY = "ready"
    REJECTED = "rejected"


@dataclass(frozen=True)
class Media:
    """``content_type`` and ``size``: as declared, until the object is there; then as found in it. ``tier``: of its owner when it was made."""

    id: str
    user_id: str
    purpose: str
    filename: str
    content_type: str
    size: int
    created_at: datetime
    status: MediaStatus = MediaStatus.AWAITING_UPLOAD
    source: Source | None = None
    error: Failure | None = None
    tier: str = "free"

    @property
    def held_bytes(self) -> int:
        """What it counts for: reserved while the file is to come, nothing once it was rejected."""
        return 0 if self.status is MediaStatus.REJECTED else self.size


class MediaStore(Protocol):
    def get(self, user_id: str, media_id: str) -> Media | None: ...

    def create(self, media: Media) -> None:
        """Does nothing where the row is there already: ids are made once. Raises QuotaExceeded."""

    def settle(self, media: Media) -> None:
        """Write what was found in the upload, unless the item was settled before."""

    def due(self, now: datetime) -> Iterator[Media]:
        """Items whose upload has not come in time."""


def arrived(media: Media, source: Source, content_type: str | None) -> Media:
    return replace(
        media,
        status=MediaStatus.READY,
        source=source,
        size=source.size,
        content_type=content_type or media.content_type,
    )


def rejected(media: Media, failure: Failure) -> Media:
    return replace(media, status=MediaStatus.REJECTED, error=failure)


def expired(media: Media) -> Media:
    return rejected(media, Failure("upload_expired", "The file was not uploaded in time; create a new item."))


def usable(media: Media) -> Source:
    """Where the bytes lie. Raises Conflict while they do not, or cannot be used."""
    if media.status is MediaStatus.REJECTED and media.error:
        raise Conflict(f"This media item cannot be used: {media.error.detail}", code="media_rejected")
    if media.source is None:
        raise Conflict("The file of this media item has not been uploaded yet.", code="media_not_ready", retry_after=2)
    return media.source

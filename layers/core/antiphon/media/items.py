"""A media item: a file that a user uploaded to work with, before any job exists."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Protocol

from antiphon.media.model import Facts
from antiphon.platform.errors import Conflict
from antiphon.platform.events import Dispatch, Event
from antiphon.platform.ids import derived_id
from antiphon.platform.pages import Page
from antiphon.speech.model import UPLOAD_WINDOW, Failure, Source

INSPECTION = "inspection"
"""The kind of a dispatch that asks for the inspection of a media item: ``job_id`` is the item's id."""
PURPOSE = "media"
"""Of items that are inspected when they arrive, and can be edited."""
INSPECTED_WITHIN = timedelta(minutes=20)
"""After which an inspection is taken for lost and asked for again: longer than one may take."""
MAX_INSPECTIONS = 3


class MediaStatus(StrEnum):
    """``INSPECTING``: the file is there, and what it is will be known in a moment."""

    AWAITING_UPLOAD = "awaiting_upload"
    INSPECTING = "inspecting"
    READY = "ready"
    REJECTED = "rejected"


@dataclass(frozen=True)
class Media:
    """``content_type`` and ``size``: as declared, until the object is there; then as found in it. ``tier``: of its owner when it was made;
    ``parent_id``: of the item that it was made of; ``facts``: of items that can be edited, once they are ready; ``due_at``: when the janitor
    looks at it; ``inspections``: asked for so far."""

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
    parent_id: str | None = None
    facts: Facts | None = None
    due_at: datetime | None = None
    inspections: int = 0

    @property
    def held_bytes(self) -> int:
        """What it counts for: reserved while the file is to come, nothing once it was rejected."""
        return 0 if self.status is MediaStatus.REJECTED else self.size


def media_of_job(job_id: str) -> str:
    """The id of the item that a job makes: the same, however often it is done."""
    return f"med_{job_id.partition('_')[2]}"


def media_prefix(user_id: str, media_id: str) -> str:
    """Where the objects of an item lie that a job made; each attempt has a folder of its own below."""
    return f"media/{user_id}/{media_id}/"


class MediaStore(Protocol):
    def get(self, user_id: str, media_id: str) -> Media | None: ...

    def create(self, media: Media) -> None:
        """Does nothing where the row is there already: ids are made once. Raises QuotaExceeded."""

    def settle(
        self, media: Media, event: Event | None = None, *, leaving: MediaStatus = MediaStatus.AWAITING_UPLOAD
    ) -> None:
        """Write what was found, and the event with it, unless the item is gone or no longer in the state that is left."""

    def list(
        self, user_id: str, *, limit: int, position: str | None = None, parent_id: str | None = None
    ) -> Page[Media]:
        """Newest first. parent_id: only what was made of this item."""

    def due(self, now: datetime) -> Iterator[Media]:
        """Items that wait for something which has not come in time."""

    def delete(self, media: Media) -> int:
        """The row, and what it counted for; gives the number of rows. Safe to repeat."""


def waits_for_upload(media: Media) -> Media:
    return replace(media, due_at=media.created_at + UPLOAD_WINDOW)


def arrived(media: Media, source: Source, content_type: str | None, now: datetime | None = None) -> Media:
    """now: of what is to be inspected; else it is ready at once."""
    there = replace(
        media,
        status=MediaStatus.READY,
        source=source,
        size=source.size,
        content_type=content_type or media.content_type,
        due_at=None,
    )
    return inspecting(there, now) if now else there


def inspecting(media: Media, now: datetime) -> Media:
    """Asked for, once more perhaps."""
    return replace(
        media, status=MediaStatus.INSPECTING, due_at=now + INSPECTED_WITHIN, inspections=media.inspections + 1
    )


def inspected(media: Media, facts: Facts) -> Media:
    return replace(media, status=MediaStatus.READY, facts=facts, due_at=None)


def event_of(media: Media, name: str, now: datetime) -> Event:
    """name: ``uploaded`` (which has the item inspected), ``ready``, ``rejected``."""
    data: Mapping[str, Any] = {
        "id": media.id,
        "status": media.status.value,
        "error": {"code": media.error.code, "detail": media.error.detail} if media.error else None,
        "links": {"self": f"/v1/media/{media.id}"},
    }
    return Event(
        id=derived_id("evt", now, media.id, name, str(media.inspections)),
        user_id=media.user_id,
        type=f"media.{name}",
        timestamp=now,
        data=MappingProxyType(data),
        dispatch=Dispatch(INSPECTION, "standard", media.id) if name == "uploaded" else None,
    )


def rejected(media: Media, failure: Failure) -> Media:
    return replace(media, status=MediaStatus.REJECTED, error=failure, due_at=None)


def expired(media: Media) -> Media:
    return rejected(media, Failure("upload_expired", "The file was not uploaded in time; create a new item."))


def usable(media: Media) -> Source:
    """Where the bytes lie. Raises Conflict while they do not, or cannot be used."""
    if media.status is MediaStatus.REJECTED and media.error:
        raise Conflict(f"This media item cannot be used: {media.error.detail}", code="media_rejected")
    if media.source is None:
        raise Conflict("The file of this media item has not been uploaded yet.", code="media_not_ready", retry_after=2)
    return media.source


def editable(media: Media) -> tuple[Source, Facts]:
    """Raises Conflict while it is not, or cannot be."""
    source = usable(media)
    if media.status is MediaStatus.INSPECTING:
        raise Conflict("This media item is being inspected.", code="media_not_ready", retry_after=2)
    if media.facts is None:
        raise Conflict(
            f"This media item was uploaded for another purpose; upload it with the purpose {PURPOSE}.",
            code="media_not_editable",
        )
    return source, media.facts

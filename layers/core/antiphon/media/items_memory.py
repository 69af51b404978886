"""A fake of the media store, for tests."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime

from antiphon.identity.tiers import limits_of
from antiphon.media.items import Media, MediaStatus
from antiphon.speech.metering import QuotaExceeded
from antiphon.speech.model import UPLOAD_WINDOW


class MemoryMediaStore:
    """``held``: bytes by user."""

    def __init__(self) -> None:
        self._items: dict[str, Media] = {}
        self.held: Counter[str] = Counter()

    def get(self, user_id: str, media_id: str) -> Media | None:
        media = self._items.get(media_id)
        return media if media and media.user_id == user_id else None

    def create(self, media: Media) -> None:
        if media.id in self._items:
            return
        limit = limits_of(media.tier).storage_bytes
        if self.held[media.user_id] + media.held_bytes > limit:
            raise QuotaExceeded("storage_bytes", limit, media.created_at)
        self._keep(media, 0)

    def settle(self, media: Media) -> None:
        known = self._items.get(media.id)
        if known and known.status is MediaStatus.AWAITING_UPLOAD:
            self._keep(media, known.held_bytes)

    def due(self, now: datetime) -> Iterator[Media]:
        for media in list(self._items.values()):
            if media.status is MediaStatus.AWAITING_UPLOAD and media.created_at + UPLOAD_WINDOW <= now:
                yield media

    def _keep(self, media: Media, before: int) -> None:
        self._items[media.id] = media
        self.held[media.user_id] += media.held_bytes - before

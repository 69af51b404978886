"""A fake of the media store, for tests."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime

from antiphon.identity.tiers import limits_of
from antiphon.media.items import Media, MediaStatus
from antiphon.platform.events import Event
from antiphon.platform.pages import Page
from antiphon.speech.metering import QuotaExceeded


class MemoryMediaStore:
    """``held``: bytes by user; ``events``: the outbox."""

    def __init__(self) -> None:
        self._items: dict[str, Media] = {}
        self.held: Counter[str] = Counter()
        self.events: list[Event] = []

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

    def settle(
        self, media: Media, event: Event | None = None, *, leaving: MediaStatus = MediaStatus.AWAITING_UPLOAD
    ) -> None:
        known = self._items.get(media.id)
        if known and known.status is leaving:
            self._keep(media, known.held_bytes)
            if event:
                self.events.append(event)

    def list(
        self, user_id: str, *, limit: int, position: str | None = None, parent_id: str | None = None
    ) -> Page[Media]:
        def wanted(media: Media) -> bool:
            before = position is None or media.id < position
            return media.user_id == user_id and before and parent_id in (None, media.parent_id)

        found = sorted((m for m in self._items.values() if wanted(m)), key=lambda m: m.id, reverse=True)
        return Page(tuple(found[:limit]), found[limit - 1].id if len(found) > limit else None)

    def due(self, now: datetime) -> Iterator[Media]:
        for media in list(self._items.values()):
            if media.due_at and media.due_at <= now:
                yield media

    def delete(self, media: Media) -> int:
        known = self._items.pop(media.id, None)
        if known is None:
            return 0
        self.held[media.user_id] -= known.held_bytes
        return 1

    def _keep(self, media: Media, before: int) -> None:
        self._items[media.id] = media
        self.held[media.user_id] += media.held_bytes - before

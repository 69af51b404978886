"""A fake of the media store, for tests."""

from __future__ import annotations

from antiphon.media.items import Media, MediaStatus


class MemoryMediaStore:
    def __init__(self) -> None:
        self._items: dict[str, Media] = {}

    def get(self, user_id: str, media_id: str) -> Media | None:
        media = self._items.get(media_id)
        return media if media and media.user_id == user_id else None

    def create(self, media: Media) -> None:
        self._items.setdefault(media.id, media)

    def settle(self, media: Media) -> None:
        known = self._items.get(media.id)
        if known and known.status is MediaStatus.AWAITING_UPLOAD:
            self._items[media.id] = media

"""Media items as their owner sees them: look, list, remove."""

from __future__ import annotations

from antiphon.media.items import Media, MediaStore, media_prefix
from antiphon.platform.errors import NotFound
from antiphon.platform.pages import Page
from antiphon.speech.ports import Objects
from antiphon.speech.remove import Receipt


class MediaItems:
    def __init__(self, *, media: MediaStore, objects: Objects, uploads_bucket: str, results_bucket: str) -> None:
        self._media = media
        self._objects = objects
        self._uploads = uploads_bucket
        self._results = results_bucket

    def get(self, user_id: str, media_id: str) -> Media:
        """Raises NotFound."""
        media = self._media.get(user_id, media_id)
        if media is None:
            raise NotFound("There is no such media item.")
        return media

    def list(
        self, user_id: str, *, limit: int, position: str | None = None, parent_id: str | None = None
    ) -> Page[Media]:
        return self._media.list(user_id, limit=limit, position=position, parent_id=parent_id)

    def url(self, media: Media) -> str | None:
        """Where it can be downloaded for some minutes; None while there is nothing that may be."""
        if media.source is None or media.error is not None:
            return None
        source = media.source
        return self._objects.presign_get(
            source.bucket, source.key, filename=media.filename, content_type=media.content_type
        )

    def remove(self, user_id: str, media_id: str) -> Receipt:
        """The objects first, so that a crash can be repeated. What was made of the item stays. Raises NotFound."""
        media = self.get(user_id, media_id)
        objects = versions = 0
        places = [(self._uploads, f"{folder}/{user_id}/{media_id}") for folder in ("uploads", "rejected")]
        for bucket, prefix in (*places, (self._results, media_prefix(user_id, media_id))):
            removed = self._objects.delete_prefix(bucket, prefix)
            objects, versions = objects + removed[0], versions + removed[1]
        return Receipt(media_id, self._media.delete(media), objects, versions)

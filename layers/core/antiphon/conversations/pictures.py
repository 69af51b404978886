"""Images that a message brings, for models that see."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from antiphon.engines.chat import Image
from antiphon.media.items import MediaStore, usable
from antiphon.platform.errors import AntiphonError, Field, Invalid, TooLarge
from antiphon.speech.ports import Objects

MAX_IMAGE, MAX_IMAGES = 5 * 1024**2, 5
"""Bytes of one, and how many of them a model gets with one message."""
_MAGIC = ((b"\x89PNG\r\n\x1a\n", "image/png"), (b"\xff\xd8\xff", "image/jpeg"), (b"GIF8", "image/gif"))


class OwnPictures:
    """objects: gives the buckets, when the first image comes: most messages bring none."""

    def __init__(self, media: MediaStore, objects: Callable[[], Objects]) -> None:
        self._media = media
        self._objects = objects

    def __call__(self, user_id: str, parts: Sequence[Mapping[str, Any]]) -> tuple[Image, ...]:
        """parts: of a message. What they are is seen in their content, not in their names. Raises Invalid, TooLarge."""
        wanted = [(place, part) for place, part in enumerate(parts) if part["type"] == "image"]
        if len(wanted) > MAX_IMAGES:
            raise Invalid(f"A message may bring {MAX_IMAGES} images.", code="too_many_images")
        return tuple(self._image(user_id, place, str(part["id"])) for place, part in wanted)

    def _image(self, user_id: str, place: int, media_id: str) -> Image:
        media = self._media.get(user_id, media_id)
        try:
            if media is None:
                raise Invalid("Attach the id of an image of yours, as POST /v1/uploads gave it.")
            source = usable(media)
        except AntiphonError as error:
            field = Field(f"attachments[{place}].id", error.detail)
            raise Invalid(error.detail, code="unknown_attachment", fields=(field,)) from error
        if source.size > MAX_IMAGE:
            raise TooLarge(f"An image may have {MAX_IMAGE} bytes.", code="image_too_large")
        data = self._objects().read(source.bucket, source.key, version=source.version)
        kind = _kind(data)
        if kind is None:
            detail = "Attach a PNG, JPEG, GIF or WebP."
            field = Field(f"attachments[{place}].id", detail)
            raise Invalid(detail, code="unsupported_image", fields=(field,))
        return Image(kind, data)


def _kind(data: bytes) -> str | None:
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for magic, kind in _MAGIC if data.startswith(magic)), None)

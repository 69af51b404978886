"""Images of messages: known by their content, and only one's own."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from antiphon.conversations.pictures import MAX_IMAGE, MAX_IMAGES, OwnPictures
from antiphon.media.items import Media, MediaStatus
from antiphon.media.items_memory import MemoryMediaStore
from antiphon.platform.errors import Invalid, TooLarge
from antiphon.speech.memory import MemoryObjects
from antiphon.speech.model import Source

PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 10


def pictures(content: bytes = PNG, size: int | None = None, status: MediaStatus = MediaStatus.READY) -> OwnPictures:
    media, objects = MemoryMediaStore(), MemoryObjects()
    objects.put("uploads", "k", content, content_type="x")
    source = Source("uploads", "k", size=size or len(content)) if status is MediaStatus.READY else None
    now = datetime(2026, 11, 21, tzinfo=UTC)
    media.create(Media("med_1", "usr_1", "chat", "a.png", "image/png", 10, now, status, source))
    return OwnPictures(media, lambda: objects)


def part(id: str = "med_1") -> dict[str, str]:
    return {"type": "image", "id": id}


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (PNG, "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"GIF89a", "image/gif"),
        (b"RIFF0000WEBPVP8 ", "image/webp"),
    ],
)
def test_an_image_is_what_its_content_says(content: bytes, kind: str) -> None:
    (image,) = pictures(content)("usr_1", [{"type": "document", "id": "doc_1"}, part()])
    assert (image.content_type, image.data) == (kind, content)


def test_what_is_no_image_of_the_users_is_refused() -> None:
    for own, user, code in (
        (pictures(b"<svg onload=alert(1)>"), "usr_1", "unsupported_image"),
        (pictures(), "usr_2", "unknown_attachment"),
        (pictures(status=MediaStatus.AWAITING_UPLOAD), "usr_1", "unknown_attachment"),
    ):
        with pytest.raises(Invalid) as refused:
            own(user, [part()])
        assert refused.value.code == code
        assert refused.value.fields[0].field == "attachments[0].id"
    with pytest.raises(TooLarge):
        pictures(size=MAX_IMAGE + 1)("usr_1", [part()])
    with pytest.raises(Invalid):
        pictures()("usr_1", [part()] * (MAX_IMAGES + 1))

"""Files too large for one request: they come in parts, each to an address of its own, and are put together at the end.

What holds for one request holds here: the key is the caller's own, its type is fixed, and it becomes an object only with the size that was declared.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from antiphon.identity.tiers import MIB
from antiphon.media.items import MediaStatus, MediaStore
from antiphon.platform.clock import Clock
from antiphon.platform.errors import Field, Invalid, NotFound
from antiphon.speech.model import STEPS, Kind, Status
from antiphon.speech.ports import JobStore

PARTS_ABOVE = 100 * MIB
"""Bytes up to which a file comes in one request."""
PART_SIZE = 32 * MIB
GOOD_FOR = timedelta(minutes=15)
"""Of the addresses; new ones are given as long as the upload is awaited."""


@dataclass(frozen=True)
class Part:
    """One that has arrived. ``number``: from 1; ``etag``: as S3 gave it, without quotes."""

    number: int
    etag: str
    size: int


@dataclass(frozen=True)
class PartedUpload:
    """``urls``: where the parts go, in order; each takes `part_size` bytes but the last; ``received``: numbers of those that are there."""

    upload_id: str
    urls: Sequence[str]
    part_size: int
    complete_url: str
    expires_at: datetime
    received: Sequence[int] = ()


class PartBucket(Protocol):
    """Unfinished objects of one bucket."""

    def begin(self, key: str, content_type: str) -> str:
        """The id under which parts are put."""

    def address(self, key: str, upload_id: str, number: int, size: int, good_for: timedelta) -> str:
        """Takes exactly so many bytes by PUT."""

    def there(self, key: str, upload_id: str) -> Sequence[Part]:
        """In order. Raises NotFound."""

    def join(self, key: str, upload_id: str, parts: Sequence[Part]) -> None:
        """Raises NotFound."""

    def size(self, key: str) -> int | None:
        """Of the object, once there is one."""


def part_sizes(size: int) -> list[int]:
    whole, rest = divmod(size, PART_SIZE)
    return [PART_SIZE] * whole + ([rest] if rest else [])


class Parts:
    """origin: of the API, for addresses that lead back to it."""

    def __init__(self, *, bucket: PartBucket, jobs: JobStore, media: MediaStore, origin: str, clock: Clock) -> None:
        self._bucket = bucket
        self._jobs = jobs
        self._media = media
        self._origin = origin
        self._clock = clock

    def begin(self, key: str, content_type: str) -> str:
        return self._bucket.begin(key, content_type)

    def shown(self, key: str, size: int, upload_id: str, received: Sequence[int] = ()) -> PartedUpload:
        urls = [
            self._bucket.address(key, upload_id, number, part, GOOD_FOR)
            for number, part in enumerate(part_sizes(size), start=1)
        ]
        thing_id = key.rpartition("/")[2]
        complete_url = f"{self._origin}/v1/uploads/{thing_id}/complete?upload_id={upload_id}"
        return PartedUpload(upload_id, urls, PART_SIZE, complete_url, self._clock() + GOOD_FOR, tuple(received))

    def again(self, user_id: str, thing_id: str, key: str, upload_id: str) -> PartedUpload:
        """New addresses, and which parts are there already. Raises NotFound."""
        size = self._awaited(user_id, thing_id)
        if size is None:
            raise NotFound("This upload is complete.", code="upload_complete")
        return self.shown(key, size, upload_id, [part.number for part in self._bucket.there(key, upload_id)])

    def complete(self, user_id: str, thing_id: str, key: str, upload_id: str, etags: Mapping[int, str]) -> None:
        """Makes the object, whose arrival starts what waits for it. Safe to repeat.

        etags: of parts, as the client got them; those that are given must fit. Raises NotFound, Invalid ``upload_incomplete``.
        """
        size = self._awaited(user_id, thing_id)
        if size is None:
            return
        try:
            there = self._bucket.there(key, upload_id)
        except NotFound:
            if self._bucket.size(key) == size:
                return  # an earlier call put it together, and its arrival was not noticed yet
            raise
        wanted = dict(enumerate(part_sizes(size), start=1))
        found = {part.number: part for part in there}
        wrong = tuple(
            Field(f"parts[{number}]", _complaint(found.get(number), part, etags.get(number)))
            for number, part in wanted.items()
            if _complaint(found.get(number), part, etags.get(number))
        )
        if wrong or set(found) - set(wanted):
            raise Invalid(
                f"The parts make up {sum(part.size for part in there):,} of {size:,} bytes; send what is missing, and call this again.",
                code="upload_incomplete",
                fields=wrong[:20],
            )
        self._bucket.join(key, upload_id, there)

    def _awaited(self, user_id: str, thing_id: str) -> int | None:
        """The declared size; None where the file has arrived. Raises NotFound."""
        if thing_id.startswith("med_"):
            media = self._media.get(user_id, thing_id)
            if media:
                return media.size if media.status is MediaStatus.AWAITING_UPLOAD else None
        else:
            for kind in (Kind.TRANSCRIPTION, *STEPS):
                job = self._jobs.get(user_id, kind, thing_id)
                wanted = job and job.options.get("upload")
                if job and wanted:
                    return int(wanted["size"]) if job.status is Status.AWAITING_UPLOAD else None
        raise NotFound("There is no such upload.")


def _complaint(found: Part | None, size: int, etag: str | None) -> str:
    if found is None:
        return "It is missing."
    if found.size != size:
        return f"It has {found.size} bytes instead of {size}."
    if etag and etag.strip('"') != found.etag:
        return "Its etag is not that of what has arrived."
    return ""

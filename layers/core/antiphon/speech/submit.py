"""New jobs, from requests and from files that were dropped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from antiphon.identity.tiers import MIB, limits_of
from antiphon.media.items import PURPOSE, Media, MediaStore, usable, waits_for_upload
from antiphon.platform.clock import Clock
from antiphon.platform.errors import Field, NotFound, TooLarge, Unsupported
from antiphon.platform.ids import new_id
from antiphon.platform.request import Caller
from antiphon.speech.metering import QuotaExceeded
from antiphon.speech.model import EMPTY, Job, Kind, Source, Status, create
from antiphon.speech.ports import JobStore, Objects, Stale, Upload

MAX_DOCUMENT = 100 * MIB
"""Bytes of a document."""
_MEDIA_TYPES = ("audio/", "video/")
_OTHER_TYPES = frozenset({"application/octet-stream", "application/ogg", "application/mp4", "application/x-matroska"})
_TEXT_TYPES = frozenset({"text/plain", "text/markdown", "application/ssml+xml", "application/octet-stream"})


@dataclass(frozen=True)
class FileToCome:
    """size: bytes, as the client declares it; the bucket holds it to that."""

    filename: str
    content_type: str
    size: int


@dataclass(frozen=True)
class NewJob:
    """Either ``file`` (to be uploaded), ``media_id`` (uploaded before) or, for speech, ``text``."""

    options: Mapping[str, Any] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)
    title: str | None = None
    callback_url: str | None = None
    file: FileToCome | None = None
    media_id: str | None = None
    text: str | None = None
    request_id: str | None = None


class Submit:
    def __init__(
        self, *, jobs: JobStore, media: MediaStore, objects: Objects, uploads_bucket: str, clock: Clock
    ) -> None:
        self._jobs = jobs
        self._media = media
        self._objects = objects
        self._bucket = uploads_bucket
        self._clock = clock

    def transcription(self, caller: Caller, new: NewJob, seed: str | None = None) -> Job:
        """Waits for the upload where a file is to come. Raises NotFound, Conflict (media not there yet), TooLarge, Unsupported, QuotaExceeded."""
        options = dict(new.options)
        source: Source | None = None
        if new.media_id:
            source = self._source(caller, new.media_id)
        elif new.file:
            check_file(new.file, caller.tier, text=False)
            options["upload"] = {
                "filename": new.file.filename,
                "content_type": new.file.content_type,
                "size": new.file.size,
            }
        return self._create(Kind.TRANSCRIPTION, caller, new, options, source, seed)

    def speech(self, caller: Caller, new: NewJob, seed: str | None = None) -> Job:
        """Raises NotFound, Conflict (media not there yet), TooLarge, QuotaExceeded."""
        options = dict(new.options)
        source: Source | None = None
        if new.media_id:
            source = self._source(caller, new.media_id)
        else:
            # The text goes to the bucket before the job exists: a row may hold 400 KB, a book is larger, and a retry needs it again.
            text = new.text or ""
            limit = limits_of(caller.tier).speech_characters
            if len(text) > limit:
                raise TooLarge(
                    f"The text has {len(text)} characters; a {caller.tier} account may send {limit} at once.",
                    code="text_too_long",
                )
            options["characters"] = len(text)
        job_id = job_id_of(seed)
        if source is None:
            key = f"texts/{caller.user_id}/{job_id}.txt"
            body = (new.text or "").encode()
            self._objects.put(self._bucket, key, body, content_type="text/plain; charset=utf-8")
            source = Source(self._bucket, key, size=len(body), content_type="text/plain", filename="input.txt")
        try:
            return self._create(Kind.SPEECH, caller, new, options, source, seed, job_id)
        except QuotaExceeded:
            if new.media_id is None:
                self._objects.delete(source.bucket, source.key)
            raise

    def document(self, caller: Caller, new: NewJob, file: FileToCome, seed: str | None = None) -> Job:
        """Waits for its upload; what it is, is seen when it is read. Raises TooLarge, QuotaExceeded."""
        check_size(file, caller.tier, min(MAX_DOCUMENT, limits_of(caller.tier).upload_bytes))
        wanted = {"filename": file.filename, "content_type": file.content_type, "size": file.size}
        options = {**new.options, "upload": wanted}
        return self._create(Kind.DOCUMENT, caller, new, options, None, seed, f"doc_{seed}" if seed else new_id("doc"))

    def upload(self, job: Job) -> Upload | None:
        """Where the file goes, while the job waits for it."""
        wanted = job.options.get("upload")
        if job.status is not Status.AWAITING_UPLOAD or not wanted:
            return None
        return self._objects.presign_post(
            self._bucket, upload_key(job.user_id, job.id), content_type=wanted["content_type"], max_size=wanted["size"]
        )

    def media(self, caller: Caller, file: FileToCome, purpose: str, seed: str | None = None) -> tuple[Media, Upload]:
        check_file(file, caller.tier, text=purpose not in ("transcription", PURPOSE))
        media = Media(
            f"med_{seed}" if seed else new_id("med"),
            caller.user_id,
            purpose,
            file.filename,
            file.content_type,
            file.size,
            self._clock(),
            tier=caller.tier,
        )
        self._media.create(waits_for_upload(media))
        key = upload_key(caller.user_id, media.id)
        return media, self._objects.presign_post(self._bucket, key, content_type=file.content_type, max_size=file.size)

    def _source(self, caller: Caller, media_id: str) -> Source:
        media = self._media.get(caller.user_id, media_id)
        if media is None:
            raise NotFound(
                "There is no such media item.", fields=(Field("media_id", "Take the id that POST /v1/uploads gave."),)
            )
        return usable(media)

    def _create(
        self,
        kind: Kind,
        caller: Caller,
        new: NewJob,
        options: Mapping[str, Any],
        source: Source | None,
        seed: str | None,
        job_id: str | None = None,
    ) -> Job:
        now = self._clock()
        job = Job(
            id=job_id or job_id_of(seed),
            kind=kind,
            user_id=caller.user_id,
            status=Status.QUEUED if source else Status.AWAITING_UPLOAD,
            created_at=now,
            lane=limits_of(caller.tier).lane,
            tier=caller.tier,
            characters=options.get("characters"),
            options=options,
            metadata=new.metadata or EMPTY,
            source=source,
            title=new.title,
            callback_url=new.callback_url,
            request_id=new.request_id,
        )
        change = create(job, now)
        try:
            self._jobs.apply(change)
        except Stale:
            known = self._jobs.get(caller.user_id, kind, job.id)
            if known is None:
                raise
            return known  # an earlier request with this Idempotency-Key came so far before it crashed
        return change.after


def job_id_of(seed: str | None) -> str:
    return f"job_{seed}" if seed else new_id("job")


def upload_key(user_id: str, thing_id: str) -> str:
    return f"uploads/{user_id}/{thing_id}"


def check_file(file: FileToCome, tier: str, *, text: bool) -> None:
    check_size(file, tier, limits_of(tier).upload_bytes)
    kind = file.content_type.split(";")[0].strip().lower()
    known = (
        kind.startswith(_MEDIA_TYPES)
        or kind in _OTHER_TYPES
        or (text and (kind in _TEXT_TYPES or kind.startswith("text/")))
    )
    if not known and not text:
        raise Unsupported(
            f"{kind} is neither audio nor video.",
            code="unsupported_media_type",
            fields=(Field("content_type", "Send audio/… or video/…"),),
        )


def check_size(file: FileToCome, tier: str, limit: int) -> None:
    """Raises TooLarge ``upload_too_large``."""
    if file.size > limit:
        raise TooLarge(
            f"The file has {file.size:,} bytes; a {tier} account may upload {limit:,}.",
            code="upload_too_large",
            fields=(Field("size", f"At most {limit}."),),
        )

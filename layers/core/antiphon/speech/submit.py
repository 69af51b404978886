"""New jobs, from requests and from files that were dropped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from antiphon.identity.tiers import MIB, limits_of
from antiphon.media.items import PURPOSE, Media, MediaStore, usable, waits_for_upload
from antiphon.platform.clock import Clock
from antiphon.platform.errors import Field, NotFound, TooLarge, Unavailable, Unsupported
from antiphon.platform.ids import new_id
from antiphon.platform.request import Caller
from antiphon.speech.metering import VOID, QuotaExceeded, micro_usd
from antiphon.speech.model import EMPTY, FETCHING, Budget, Job, Kind, Source, Status, create
from antiphon.speech.once import ALONE, FOR, FOR_URL, request_key, text_content
from antiphon.speech.outlook import Quote, Ticket, no_quote, no_ticket
from antiphon.speech.parts import PARTS_ABOVE, PartedUpload, Parts
from antiphon.speech.ports import Holding, JobStore, Objects, Stale, Taken, Upload
from antiphon.speech.retrying import ROUNDS

MAX_DOCUMENT = 100 * MIB
"""Bytes of a document."""
_MEDIA_TYPES = ("audio/", "video/")
_OTHER_TYPES = frozenset({"application/octet-stream", "application/ogg", "application/mp4", "application/x-matroska"})
_TEXT_TYPES = frozenset({"text/plain", "text/markdown", "application/ssml+xml", "application/octet-stream"})


@dataclass(frozen=True)
class FileToCome:
    """size: bytes, as the client declares it; the bucket holds it to that. sha256: as the client declares it, in hexadecimal; the worker holds it to that."""

    filename: str
    content_type: str
    size: int
    sha256: str | None = None


@dataclass(frozen=True)
class NewJob:
    """Either ``file`` (to be uploaded), ``media_id`` (uploaded before), ``url`` (to be fetched; vetted) or, for speech, ``text``. ``dedupe``: join a job of the same work, if there is one."""

    options: Mapping[str, Any] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)
    title: str | None = None
    callback_url: str | None = None
    file: FileToCome | None = None
    media_id: str | None = None
    url: str | None = None
    text: str | None = None
    request_id: str | None = None
    dedupe: bool = True


@dataclass(frozen=True)
class Submitted:
    """``joined``: the job was there before, and does what was asked for."""

    job: Job
    joined: bool = False


class Submit:
    def __init__(
        self,
        *,
        jobs: JobStore,
        media: MediaStore,
        objects: Objects,
        uploads_bucket: str,
        clock: Clock,
        ticket: Ticket = no_ticket,
        quote: Quote = no_quote,
        parts: Parts | None = None,
    ) -> None:
        """quote: of what a key with a budget asks for. parts: for files that are too large for one request; without it all come in one."""
        self._jobs = jobs
        self._media = media
        self._objects = objects
        self._bucket = uploads_bucket
        self._clock = clock
        self._ticket = ticket
        self._quote = quote
        self._parts = parts

    def transcription(self, caller: Caller, new: NewJob, seed: str | None = None) -> Submitted:
        """Waits for the upload where a file is to come. Raises NotFound, Conflict (media not there yet), TooLarge, Unsupported, QuotaExceeded."""
        options = _options_of(new)
        source: Source | None = None
        content: str | None = None
        job_id: str | None = None
        if new.media_id:
            source, content = self._source(caller, new.media_id), f"media:{new.media_id}"
        elif new.file:
            check_file(new.file, caller.tier, text=False)
            job_id = job_id_of(seed)
            options["upload"] = self._wanted(caller, job_id, new.file)
            content = new.file.sha256 and f"sha256:{new.file.sha256}"
        elif new.url:
            options["url"], content = new.url, f"url:{new.url}"
        key = _request_key(Kind.TRANSCRIPTION, content, options, new)
        return self._create(Kind.TRANSCRIPTION, caller, new, options, source, seed, job_id, key=key)

    def speech(self, caller: Caller, new: NewJob, seed: str | None = None) -> Submitted:
        """Raises NotFound, Conflict (media not there yet), TooLarge, QuotaExceeded."""
        options = _options_of(new)
        source: Source | None = None
        if new.media_id:
            source, content = self._source(caller, new.media_id), f"media:{new.media_id}"
        else:
            # The text goes to the bucket before the job exists: a row may hold 400 KB, a book is larger, and a retry needs it again.
            text = new.text or ""
            limit = limits_of(caller.tier).speech_characters
            if len(text) > limit:
                raise TooLarge(
                    f"The text has {len(text)} characters; a {caller.tier} account may send {limit} at once.",
                    code="text_too_long",
                )
            options["characters"], content = len(text), text_content(text)
        key = _request_key(Kind.SPEECH, content, options, new)
        known, _ = self._known(caller, key, seed)
        if known:
            return known
        job_id = job_id_of(seed)
        if source is None:
            place = f"texts/{caller.user_id}/{job_id}.txt"
            body = (new.text or "").encode()
            self._objects.put(self._bucket, place, body, content_type="text/plain; charset=utf-8")
            source = Source(self._bucket, place, size=len(body), content_type="text/plain", filename="input.txt")
        try:
            submitted = self._create(Kind.SPEECH, caller, new, options, source, seed, job_id, key=key)
        except QuotaExceeded:
            self._forget(new, source)
            raise
        if submitted.job.id != job_id:
            self._forget(new, source)
        return submitted

    def _forget(self, new: NewJob, source: Source) -> None:
        """A text that no job came of."""
        if new.media_id is None:
            self._objects.delete(source.bucket, source.key)

    def document(self, caller: Caller, new: NewJob, file: FileToCome, seed: str | None = None) -> Job:
        """Waits for its upload; what it is, is seen when it is read. Raises TooLarge, QuotaExceeded."""
        check_size(file, caller.tier, min(MAX_DOCUMENT, limits_of(caller.tier).upload_bytes))
        options = {**new.options, "upload": _wanted(file)}
        job_id = f"doc_{seed}" if seed else new_id("doc")
        return self._create(Kind.DOCUMENT, caller, new, options, None, seed, job_id).job

    def joins(self, caller: Caller, kind: Kind, new: NewJob) -> Job | None:
        """The job that a request would join; nothing is stored."""
        if new.media_id:
            content: str | None = f"media:{new.media_id}"
        elif new.text is not None:
            content = text_content(new.text)
        else:
            declared = new.file.sha256 if new.file else None
            content = f"sha256:{declared}" if declared else f"url:{new.url}" if new.url else None
        known, _ = self._known(caller, _request_key(kind, content, _options_of(new), new), None)
        return known.job if known else None

    def amount(self, caller: Caller, kind: Kind, new: NewJob) -> float | None:
        """Seconds of audio or characters, where they are known before anything is done. Raises what the request itself would for its source."""
        if new.media_id:
            self._source(caller, new.media_id)
        if new.file:
            check_file(new.file, caller.tier, text=False)
        return self._known_amount(caller, kind, new)

    def _known_amount(self, caller: Caller, kind: Kind, new: NewJob) -> float | None:
        if new.media_id:
            media = self._media.get(caller.user_id, new.media_id)
            return media.facts.duration if kind is Kind.TRANSCRIPTION and media and media.facts else None
        return float(len(new.text)) if new.text is not None else None

    def upload(self, job: Job) -> Upload | PartedUpload | None:
        """Where the file goes, while the job waits for it."""
        wanted = job.options.get("upload")
        if job.status is not Status.AWAITING_UPLOAD or not wanted:
            return None
        key = upload_key(job.user_id, job.id)
        return self._way(key, wanted["content_type"], wanted["size"], wanted.get("upload_id"))

    def _wanted(self, caller: Caller, job_id: str, file: FileToCome) -> dict[str, Any]:
        """The file that a job waits for."""
        return _wanted(file) | self._begun(upload_key(caller.user_id, job_id), file)

    def _begun(self, key: str, file: FileToCome) -> dict[str, str]:
        """The id of an upload in parts, for a file that needs one."""
        if self._parts is None or file.size <= PARTS_ABOVE:
            return {}
        return {"upload_id": self._parts.begin(key, file.content_type)}

    def _way(self, key: str, content_type: str, size: int, upload_id: str | None) -> Upload | PartedUpload:
        if self._parts and upload_id:
            return self._parts.shown(key, size, upload_id)
        return self._objects.presign_post(self._bucket, key, content_type=content_type, max_size=size)

    def media(
        self, caller: Caller, file: FileToCome, purpose: str, seed: str | None = None
    ) -> tuple[Media, Upload | PartedUpload]:
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
        return media, self._way(key, file.content_type, file.size, self._begun(key, file).get("upload_id"))

    def _source(self, caller: Caller, media_id: str) -> Source:
        media = self._media.get(caller.user_id, media_id)
        if media is None:
            raise NotFound(
                "There is no such media item.", fields=(Field("media_id", "Take the id that POST /v1/uploads gave."),)
            )
        return usable(media)

    def _known(self, caller: Caller, key: str | None, seed: str | None) -> tuple[Submitted | None, str | None]:
        """The job that was asked for with these very words; or, where it came to nothing, its id."""
        holder = self._jobs.holder(caller.user_id, key) if key else None
        if holder is None or holder.until <= self._clock():
            return None, None
        job = self._jobs.get(caller.user_id, holder.kind, holder.job_id)
        if job is None or job.status in VOID:
            return None, holder.job_id
        return Submitted(job, joined=job.id != f"job_{seed}"), None

    def _create(
        self,
        kind: Kind,
        caller: Caller,
        new: NewJob,
        options: Mapping[str, Any],
        source: Source | None,
        seed: str | None,
        job_id: str | None = None,
        *,
        key: str | None = None,
    ) -> Submitted:
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
            stage=FETCHING if "url" in options else None,
            options=options,
            metadata=new.metadata or EMPTY,
            source=source,
            title=new.title,
            callback_url=new.callback_url,
            request_id=new.request_id,
            request_key=key,
            budget=self._budget(kind, caller, new),
            ticket=self._ticket(kind, limits_of(caller.tier).lane) if source else None,
        )
        change, lasts = create(job, now), FOR_URL if "url" in options else FOR
        for _ in range(ROUNDS):
            known, void = self._known(caller, key, seed)
            if known:
                return known
            try:
                self._jobs.apply(change, holding=Holding(key, now + lasts, now, void) if key else None)
            except Taken:
                continue
            except Stale:
                stored = self._jobs.get(caller.user_id, kind, job.id)
                if stored is None:
                    raise
                return Submitted(stored)  # an earlier request with this Idempotency-Key came so far before it crashed
            return Submitted(change.after)
        raise Unavailable("The same is asked for too often at the moment; repeat.", retry_after=1)

    def _budget(self, kind: Kind, caller: Caller, new: NewJob) -> Budget | None:
        if caller.budget is None:
            return None
        amount = self._known_amount(caller, kind, new)
        quoted = None if amount is None else self._quote(kind, limits_of(caller.tier).lane, amount)
        return Budget(caller.key_id, caller.budget, micro_usd(quoted or 0))


def job_id_of(seed: str | None) -> str:
    return f"job_{seed}" if seed else new_id("job")


def _options_of(new: NewJob) -> dict[str, Any]:
    return {**new.options} if new.dedupe else {**new.options, ALONE: True}


def _request_key(kind: Kind, content: str | None, options: Mapping[str, Any], new: NewJob) -> str | None:
    """None where nothing is known of the content yet, or the job is to be left alone."""
    if content is None or not new.dedupe:
        return None
    return request_key(kind, content, options, title=new.title, metadata=new.metadata, callback_url=new.callback_url)


def _wanted(file: FileToCome) -> dict[str, Any]:
    wanted = {"filename": file.filename, "content_type": file.content_type, "size": file.size}
    return {**wanted, "sha256": file.sha256} if file.sha256 else wanted


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

"""A recording that came with the request itself: into the bucket, and its job on its way at once."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

from antiphon.media.sniff import sniff
from antiphon.platform.clock import Clock
from antiphon.platform.errors import Field, Invalid
from antiphon.platform.request import Caller
from antiphon.speech import model
from antiphon.speech.arrive import SNIFFED, clean_filename
from antiphon.speech.model import Kind, Source, Status
from antiphon.speech.ports import JobStore, Objects
from antiphon.speech.retrying import change
from antiphon.speech.submit import FileToCome, NewJob, Submit, Submitted, upload_key

UNPLAYABLE = frozenset({"text", "other"})
"""Kinds of content; of all others the decoder says what they are."""


@dataclass(frozen=True)
class File:
    filename: str
    body: bytes


class HandIn:
    def __init__(self, *, submit: Submit, jobs: JobStore, objects: Objects, uploads_bucket: str, clock: Clock) -> None:
        self._submit = submit
        self._jobs = jobs
        self._objects = objects
        self._bucket = uploads_bucket
        self._clock = clock

    def __call__(self, caller: Caller, file: File, new: NewJob, seed: str | None = None) -> Submitted:
        """What the file is, its content says. The bucket tells of it as of any other upload, which then changes nothing: so a crash after the
        file is there loses nothing. The same bytes, asked for in the same way, are the same job. Raises Invalid ``unsupported_media``, and what Submit raises."""
        found = sniff(file.body[:SNIFFED])
        if not file.body or found.kind in UNPLAYABLE:
            detail = "Invalid file format. Supported formats: flac, m4a, mp3, mp4, mpeg, mpga, oga, ogg, opus, wav, webm, and more."
            raise Invalid(detail, code="unsupported_media", fields=(Field("file", "Send audio or video."),))
        filename, kind = clean_filename(file.filename), found.mime or "application/octet-stream"
        coming = FileToCome(filename, kind, len(file.body), hashlib.sha256(file.body).hexdigest())
        submitted = self._submit.transcription(caller, replace(new, file=coming, title=new.title or filename), seed)
        job = submitted.job
        if job.status is not Status.AWAITING_UPLOAD:
            return submitted
        key = upload_key(caller.user_id, job.id)
        self._objects.put(self._bucket, key, file.body, content_type=kind)
        stored = self._objects.head(self._bucket, key)
        source = Source(
            bucket=self._bucket,
            key=key,
            version=stored.version if stored else None,
            size=len(file.body),
            content_type=kind,
            filename=filename,
        )
        queued = change(
            self._jobs,
            caller.user_id,
            Kind.TRANSCRIPTION,
            job.id,
            lambda known: model.arrive(known, source, self._clock()),
        )
        return replace(submitted, job=queued)

"""An object arrived: find or make its job, once, however often and in whatever order S3 says so."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from urllib.parse import unquote_plus

from antiphon.identity.tiers import limits_of
from antiphon.media.items import PURPOSE, Media, MediaStore, arrived, event_of, rejected
from antiphon.media.sniff import sniff
from antiphon.platform.audit import AuditLog, Entry
from antiphon.platform.clock import Clock, from_rfc3339
from antiphon.platform.errors import Invalid, NotFound
from antiphon.platform.ids import derived_id, is_id
from antiphon.speech import model
from antiphon.speech.dropped import options_of
from antiphon.speech.model import LISTENING, Failure, Job, Kind, Source, Status
from antiphon.speech.outlook import Ticket, no_ticket
from antiphon.speech.ports import JobStore, Objects, Stale, Stored, Users
from antiphon.speech.retrying import change
from antiphon.speech.submit import MAX_DOCUMENT

SNIFFED = 65_536
"""Bytes that are looked at to tell what a file is."""
_JOINERS = "\u200c\u200d"
"""Within words of Persian and Hindi, and within emoji; Unicode counts them among the format characters."""
_OFFICE = "application/vnd.openxmlformats-officedocument."
DOCUMENTS = frozenset(
    {
        "application/pdf",
        f"{_OFFICE}wordprocessingml.document",
        f"{_OFFICE}presentationml.presentation",
        f"{_OFFICE}spreadsheetml.sheet",
    }
)
"""What becomes a document where it is dropped; text that is dropped is to be spoken."""


@dataclass(frozen=True)
class Arrival:
    """One put, from an S3 notification, the key decoded. ``at``: when S3 took it."""

    bucket: str
    key: str
    at: datetime
    sequencer: str
    version: str | None = None


def arrival_of(record: Mapping[str, Any]) -> Arrival:
    """record: one of ``Records`` of an S3 notification, versions 2.0 to 2.9; unknown fields are ignored. Raises KeyError, TypeError,
    ValueError for anything else."""
    found = record["s3"]["object"]
    return Arrival(
        bucket=record["s3"]["bucket"]["name"],
        key=unquote_plus(found["key"]),
        at=from_rfc3339(record["eventTime"]),
        sequencer=found.get("sequencer", ""),
        version=found.get("versionId"),
    )


class Arrive:
    def __init__(
        self,
        *,
        jobs: JobStore,
        media: MediaStore,
        objects: Objects,
        users: Users,
        audit: AuditLog,
        clock: Clock,
        ticket: Ticket = no_ticket,
    ) -> None:
        self._jobs = jobs
        self._media = media
        self._objects = objects
        self._users = users
        self._audit = audit
        self._clock = clock
        self._ticket = ticket

    def __call__(self, arrival: Arrival, told: Callable[[Job], object] = lambda job: None) -> str:
        """Gives what was done, for the log: queued, ready, inspecting, rejected, stray, erased, gone or unchanged. told: hears of the job that waited for it."""
        stored = self._objects.head(arrival.bucket, arrival.key, arrival.version)
        if stored is None:
            return "gone"
        match arrival.key.split("/", 2):
            case ["uploads", user, thing] if is_id(thing, "job"):
                return self._job(arrival, stored, user, self._kind_of(user, thing), thing, told)
            case ["uploads", user, thing] if is_id(thing, "doc"):
                return self._job(arrival, stored, user, Kind.DOCUMENT, thing, told)
            case ["uploads", user, thing] if is_id(thing, "med"):
                return self._item(arrival, stored, user, thing)
            case ["inbox", user, name] if is_id(user, "usr") and name:
                return self._dropped(arrival, stored, user, name)
        return self._stray(arrival, "no_such_place")

    def _kind_of(self, user: str, job_id: str) -> Kind:
        """The id does not tell; most are transcriptions."""
        known = (kind for kind in LISTENING if self._jobs.get(user, kind, job_id) is not None)
        return next(known, Kind.TRANSCRIPTION)

    def _job(
        self, arrival: Arrival, stored: Stored, user: str, kind: Kind, job_id: str, told: Callable[[Job], object]
    ) -> str:
        known = self._jobs.get(user, kind, job_id)
        if known is None:
            return self._stray(arrival, "no_such_job")
        told(known)
        if known.terminal and known.source is None:
            return self._reject(arrival, job_id, user, known.error.code if known.error else f"job_{known.status.value}")
        # What a document is, its reader finds out.
        wrong = self._wrong(arrival, stored, media=kind is not Kind.DOCUMENT)
        wanted = known.options.get("upload") or {}
        source = self._source(arrival, stored, wanted.get("filename"))
        before, ticket = known.version, self._ticket(kind, known.lane)

        def decide(job: Job) -> model.Change | None:
            if wrong:
                waiting = job.status is Status.AWAITING_UPLOAD
                return model.reject(job, wrong, self._clock()) if waiting else None
            return model.arrive(job, source, self._clock(), ticket)

        after = change(self._jobs, user, kind, job_id, decide)
        if wrong:
            return self._reject(arrival, job_id, user, wrong.code) if after.source is None else "unchanged"
        return "queued" if after.version != before else "unchanged"

    def _item(self, arrival: Arrival, stored: Stored, user: str, media_id: str) -> str:
        media = self._media.get(user, media_id)
        if media is None:
            return self._stray(arrival, "no_such_media")
        if media.source is not None:
            return "unchanged"
        if media.error:  # it was given up, and what comes now is counted nowhere
            return self._reject(arrival, media_id, user, media.error.code)
        wrong = self._wrong(arrival, stored, media=media.purpose in ("transcription", PURPOSE))
        if wrong:
            self._media.settle(rejected(media, wrong))
            return self._reject(arrival, media_id, user, wrong.code)
        source, now = self._source(arrival, stored, media.filename), self._clock()
        if media.purpose == PURPOSE:
            there = arrived(media, source, stored.content_type, now)
            self._media.settle(there, event_of(there, "uploaded", now))
            return "inspecting"
        self._media.settle(arrived(media, source, stored.content_type))
        return "ready"

    def _dropped(self, arrival: Arrival, stored: Stored, user: str, name: str) -> str:
        tier = self._users.tier_of(user)
        if tier is None:
            return self._stray(arrival, "no_such_user")
        sniffed = sniff(self._head(arrival))
        kind = Kind.SPEECH if sniffed.kind == "text" else Kind.TRANSCRIPTION
        prefix, limit = "job", limits_of(tier).upload_bytes
        if sniffed.mime in DOCUMENTS:
            kind, prefix, limit = Kind.DOCUMENT, "doc", min(limit, MAX_DOCUMENT)
        now = self._clock()
        # S3 gives the same time and sequencer with each repeat of one put, and others for the next put of the same name.
        job_id = derived_id(prefix, arrival.at, arrival.bucket, arrival.key, arrival.sequencer, arrival.version or "")
        wrong = None if kind is Kind.DOCUMENT else self._unusable(sniffed.kind, stored.size)
        if stored.size > limit:
            wrong = Failure(
                "upload_too_large",
                f"The file has {stored.size:,} bytes; a {tier} account may send {limit:,}.",
            )
        options: dict[str, Any] = {}
        try:
            options = options_of(kind, stored.metadata, self._users.defaults_of(user).get(kind.value, {}))
        except Invalid as error:
            wrong = wrong or Failure(error.code, error.detail)
        filename = clean_filename(name.rsplit("/", 1)[-1])
        job = Job(
            id=job_id,
            kind=kind,
            user_id=user,
            status=Status.AWAITING_UPLOAD if wrong else Status.QUEUED,
            created_at=now,
            lane=limits_of(tier).lane,
            tier=tier,
            options=options,
            source=None if wrong else self._source(arrival, stored, filename),
            title=filename,
            ticket=None if wrong else self._ticket(kind, limits_of(tier).lane),
        )
        outcome = "queued"
        try:
            # Counted, but not refused: the queue is the buffer of a folder that is dropped at once, and nobody is there to repeat it.
            self._jobs.apply(replace(model.create(job, now), bounded=frozenset()))
        except Stale:
            outcome = "unchanged"
        if wrong is None:
            return outcome
        reason = wrong

        def decide(waiting: Job) -> model.Change | None:
            return model.reject(waiting, reason, self._clock()) if waiting.status is Status.AWAITING_UPLOAD else None

        change(self._jobs, user, kind, job_id, decide)
        return self._reject(arrival, job_id, user, reason.code)

    def _wrong(self, arrival: Arrival, stored: Stored, *, media: bool) -> Failure | None:
        if not media:
            return None if stored.size else Failure("empty_file", "The file is empty.")
        return self._unusable(sniff(self._head(arrival)).kind, stored.size, text=False)

    @staticmethod
    def _unusable(kind: str, size: int, *, text: bool = True) -> Failure | None:
        if size == 0:
            return Failure("empty_media", "The file is empty.")
        if kind == "other" or (kind == "text" and not text):
            return Failure("unsupported_media", "The file is neither audio nor video, whatever its name says.")
        return None

    def _head(self, arrival: Arrival) -> bytes:
        try:
            return self._objects.read(arrival.bucket, arrival.key, first=SNIFFED, version=arrival.version)
        except NotFound:  # deleted a moment after it was seen: as good as empty
            return b""

    @staticmethod
    def _source(arrival: Arrival, stored: Stored, filename: str | None) -> Source:
        return Source(
            bucket=arrival.bucket,
            key=arrival.key,
            version=arrival.version or stored.version,
            sequencer=arrival.sequencer,
            size=stored.size,
            content_type=stored.content_type,
            filename=filename,
        )

    def _reject(self, arrival: Arrival, thing: str, user: str, code: str) -> str:
        self._objects.move(
            arrival.bucket, arrival.key, f"rejected/{user}/{thing}", version=arrival.version, metadata={"reason": code}
        )
        return "rejected"

    def _stray(self, arrival: Arrival, code: str) -> str:
        """Nothing knows this object: nobody is told, it is kept apart for a day, and the audit log has it.

        Object and entry lie with the user whose place it was, if there is one, so that they go with the account; else the entry names only where
        the object was put. What comes for an account that was erased is removed at once, without a trace.
        """
        user = next(iter(arrival.key.split("/", 2)[1:2]), "")
        standing = self._users.standing(user) if is_id(user, "usr") else "unknown"
        if standing == "erased":
            self._objects.delete(arrival.bucket, arrival.key)
            return "erased"
        owner = user if standing == "here" else None
        kept = f"{owner or 'stray'}/{derived_id('req', arrival.at, arrival.bucket, arrival.key, arrival.sequencer)}"
        target = arrival.key[:500] if owner else f"rejected/{kept}"
        self._audit.append(Entry(owner or "-", "intake", "object.stray", target, code, arrival.at))
        self._objects.move(
            arrival.bucket, arrival.key, f"rejected/{kept}", version=arrival.version, metadata={"reason": code}
        )
        return "stray"


def clean_filename(name: str) -> str:
    """A name to show, never to use as a path: NFC, without control and direction characters, at most 255 characters."""
    kept = "".join(
        c
        for c in unicodedata.normalize("NFC", name)
        if c in _JOINERS or unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Co", "Cn")
    )
    return kept.strip(f" {_JOINERS}")[:255] or "unnamed"


__all__ = ["Arrival", "Arrive", "Media", "arrival_of", "clean_filename"]

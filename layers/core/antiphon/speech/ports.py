"""What the speech use cases need from outside."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, Protocol

from antiphon.engines.ports import Segment, Word
from antiphon.identity.ports import Standing
from antiphon.media.items import Media
from antiphon.platform.events import Dispatch
from antiphon.platform.pages import Page
from antiphon.speech.metering import Usage
from antiphon.speech.model import Change, Job, Kind

Texts = Mapping[int, str | None]
"""Of segments by their index; None is what the engine heard."""
NO_TEXTS: Texts = MappingProxyType({})


class Stale(Exception):
    """The row is no longer what the change began with: read again and decide again. Never reaches a user."""


@dataclass(frozen=True)
class Chunk:
    """Segments of one finished chunk, ``first`` being the index of the first of them in the whole transcript."""

    first: int
    segments: tuple[Segment, ...]


@dataclass(frozen=True)
class Numbered:
    """A segment and its place in the transcript, counted from 0. ``machine_text``: what the engine heard, where the segment's text is a
    correction; else None."""

    index: int
    segment: Segment
    machine_text: str | None = None


@dataclass(frozen=True)
class Mark:
    """One spoken sentence: its place, text and times in seconds from the beginning of the speech; ``key``: its audio object, which is kept for
    two days; ``digest``: of all that it sounds after, so that the same sentence need not be spoken again."""

    index: int
    text: str
    start: float
    end: float
    words: tuple[Word, ...]
    key: str | None = None
    digest: str | None = None


@dataclass(frozen=True)
class Holder:
    """Which job does, or did, the work of a key; until then others join it."""

    kind: Kind
    job_id: str
    until: datetime


@dataclass(frozen=True)
class Holding:
    """A job takes the work of a key upon itself, ``instead_of`` the one that was seen to hold it: that one failed, or is gone."""

    key: str
    until: datetime
    now: datetime
    instead_of: str | None = None


class Taken(Exception):
    """Another job took the work of this key first: look again. Nothing was written. Never reaches a user."""


class Crowded(Exception):
    """The workers have as many jobs of this user in hand as the tier allows. Nothing was written. Never reaches a user."""


class JobStore(Protocol):
    def get(self, user_id: str, kind: Kind, job_id: str) -> Job | None:
        """One consistent read."""

    def apply(
        self,
        change: Change,
        *,
        chunk: Chunk | None = None,
        mark: Mark | None = None,
        media: Media | None = None,
        holding: Holding | None = None,
        behind: Job | None = None,
        crowded: bool = False,
        texts: Texts = NO_TEXTS,
    ) -> None:
        """Job, event and chunk (new, or the same segments once more), mark, new media item, holding or corrected texts (by index; None is the engine's
        again; at most 90) in one transaction; behind: the job that this one waits for from now on; crowded: it is only written while the user has no turn. The bytes of the item are held to the limit of its owner.
        Raises Stale where the row is not ``change.before`` any more (or, for a new job, exists) or ``behind`` has ended or there is a turn, Crowded where there is none, Taken where the work has another holder,
        QuotaExceeded where a counter of use would grow beyond its limit: then nothing is written but, once a month, an event that says so."""

    def renew(self, job: Job, lease_expires_at: datetime) -> None:
        """Lengthen the lease of ``job.lease_owner``. Raises LeaseLost."""

    def list(
        self,
        user_id: str,
        kind: Kind,
        *,
        limit: int,
        position: str | None = None,
        filters: Mapping[str, str] | None = None,
    ) -> Page[Job]:
        """Newest first. filters: ``status``, ``language``."""

    def holder(self, user_id: str, key: str) -> Holder | None:
        """One consistent read. It may be past its time."""

    def waiting(self, user_id: str, key: str) -> Iterable[Dispatch]:
        """Of the jobs that wait for the work of the key."""

    def turns(self, user_id: str, workers: str) -> Iterable[Dispatch]:
        """Of the jobs that wait for their turn at these workers, the oldest first, as many as may run now."""

    def segments(self, job_id: str, *, after: int = -1, limit: int | None = None) -> Iterator[Numbered]:
        """Segments with an index above ``after``, corrected where they were, in order, read page by page as they are taken."""

    def chunks(self, job_id: str) -> Iterator[Chunk]:
        """The segments as the engine gave them, in the chunks in which they were stored."""

    def marks(self, job_id: str, *, after: int = -1, limit: int | None = None) -> Iterator[Mark]:
        """Marks with an index above ``after``, in order, read page by page as they are taken."""

    def due(self, now: datetime, limit: int = 100) -> Iterable[Job]:
        """Jobs whose ``due_at`` has passed."""

    def oldest_queued(self, now: datetime) -> datetime | None:
        """Since when the job waits that has waited longest for a worker; None where none does; those that no worker could take do not. Of very many jobs, it looks at those that are due soonest."""

    def usage(self, user_id: str, month: str) -> Usage:
        """What is counted for the user. month: ``2026-11``; what stands at the moment is the same in each."""

    def spent(self, user_id: str, month: str, key_ids: Sequence[str]) -> dict[str, int]:
        """Millionths of a dollar that the jobs of these API keys cost in the month, or are expected to; without those of which nothing is known."""

    def delete(self, job: Job) -> int:
        """Remove chunks, marks, holdings and at last the job itself; gives the number of rows. Safe to repeat."""


@dataclass(frozen=True)
class Stored:
    """An object as the bucket knows it."""

    size: int
    version: str | None
    content_type: str | None
    metadata: Mapping[str, str]


@dataclass(frozen=True)
class Upload:
    """Where and how a client puts a file: an HTML-form POST that the bucket itself limits in key, type and size."""

    url: str
    fields: Mapping[str, str]
    expires_at: datetime


class Objects(Protocol):
    """Buckets. Keys never hold anything a user typed."""

    def presign_post(self, bucket: str, key: str, *, content_type: str, max_size: int) -> Upload: ...

    def presign_get(self, bucket: str, key: str, *, filename: str, content_type: str) -> str: ...

    def head(self, bucket: str, key: str, version: str | None = None) -> Stored | None: ...

    def read(self, bucket: str, key: str, *, first: int | None = None, version: str | None = None) -> bytes:
        """The first bytes, or all. Raises NotFound."""

    def download(self, bucket: str, key: str, path: str, *, version: str | None = None) -> None:
        """Raises NotFound."""

    def put(
        self, bucket: str, key: str, body: bytes, *, content_type: str, tags: Mapping[str, str] | None = None
    ) -> None: ...

    def create(self, bucket: str, key: str, body: bytes, *, content_type: str) -> bool:
        """Whether there was none: an object that is there stays as it is."""

    def keys(self, bucket: str, prefix: str) -> Iterator[str]:
        """Of all objects under the prefix."""

    def upload(self, bucket: str, key: str, path: str, *, content_type: str) -> None: ...

    def upload_parts(self, bucket: str, key: str, parts: Iterator[bytes], *, content_type: str) -> None:
        """While they come, in bounded memory. There is no object where the parts raise; what they raise is raised."""

    def move(
        self, bucket: str, key: str, to: str, *, version: str | None = None, metadata: Mapping[str, str] | None = None
    ) -> None:
        """Copy, then delete. Safe to repeat."""

    def copy(self, bucket: str, key: str, to: str) -> None:
        """Raises NotFound."""

    def delete(self, bucket: str, key: str, version: str | None = None) -> tuple[int, int]:
        """One object, or one version of it: (objects, versions). Safe to repeat."""

    def delete_prefix(self, bucket: str, prefix: str) -> tuple[int, int]:
        """All objects under the prefix with all their versions: (objects, versions). Safe to repeat."""


class Users(Protocol):
    def tier_of(self, user_id: str) -> str | None:
        """None where there is no such (active) user."""

    def defaults_of(self, user_id: str) -> Mapping[str, Any]:
        """The user's preferences for new jobs."""

    def standing(self, user_id: str) -> Standing:
        """One or two consistent reads."""


class Lanes(Protocol):
    def send(self, kind: Kind, lane: str, messages: Sequence[Mapping[str, str]]) -> None:
        """Put jobs on their lane, the user being the message group."""

"""Fakes of the ports, for tests: they pass the same contract suite as the real adapters."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

from antiphon.identity.tiers import limits_of
from antiphon.media.items import Media
from antiphon.platform.errors import LeaseLost, NotFound
from antiphon.platform.events import Dispatch, Event
from antiphon.platform.pages import Page
from antiphon.speech.measures import event_of
from antiphon.speech.metering import (
    BUDGET,
    RUNNING,
    STANDING,
    Charge,
    QuotaExceeded,
    Usage,
    budget_reached,
    charge,
    counted,
    kept,
    month_of,
    quota_reached,
    released,
)
from antiphon.speech.model import PARKED, TURN, WAITING, WORKERS, Change, Job, Kind, Status
from antiphon.speech.parts import Part
from antiphon.speech.ports import (
    NO_TEXTS,
    Chunk,
    Crowded,
    Holder,
    Holding,
    Mark,
    Numbered,
    Stale,
    Stored,
    Taken,
    Texts,
    Upload,
)
from antiphon.speech.shown import corrected


class MemoryJobStore:
    """``events``: the outbox, in the order of the changes; ``media``: items that came with a change."""

    def __init__(self) -> None:
        self._jobs: dict[str, Job] = {}
        self._chunks: dict[str, dict[int, Chunk]] = {}
        self._texts: dict[str, dict[int, str | None]] = {}
        self._marks: dict[str, dict[int, Mark]] = {}
        self._holders: dict[tuple[str, str], Holder] = {}
        self._lock = threading.Lock()
        self.events: list[Event] = []
        self.media: dict[str, Media] = {}
        self._used: dict[tuple[str, str], Usage] = {}
        self._told: set[tuple[str, str, str]] = set()
        self._spent: dict[tuple[str, str, str], int] = {}

    def get(self, user_id: str, kind: Kind, job_id: str) -> Job | None:
        job = self._jobs.get(job_id)
        return job if job and (job.user_id, job.kind) == (user_id, kind) else None

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
        with self._lock:
            known, before, after = self._jobs.get(change.after.id), change.before, change.after
            if known == after:
                return
            same = known is None if before is None else known is not None and known.version == before.version
            if same and known and before and before.lease_owner != after.lease_owner:
                same = known.lease_expires_at == before.lease_expires_at
            first = self._jobs.get(behind.id) if behind else None
            if not same or (behind and (first is None or first.terminal)):
                raise Stale
            holder = self._holders.get((after.user_id, holding.key)) if holding else None
            fresh = holding and holder and holder.until > holding.now
            if holding and holder and fresh and holder.job_id not in (after.id, holding.instead_of):
                raise Taken
            used = self.usage(after.user_id, month_of(after))
            if crowded and self._free(after) > 0:
                raise Stale
            wanted, limits = counted(change, media)
            for name, limit in limits.items():
                if getattr(used, name) + getattr(wanted, name) > limit:
                    if name == RUNNING[after.kind]:
                        raise Crowded
                    now = after.round_at or after.created_at
                    if (told := (after.user_id, month_of(after), name)) not in self._told:
                        self._told.add(told)
                        self.events.append(quota_reached(after.user_id, after.tier, month_of(after), name, now))
                    raise QuotaExceeded(name, limit, now)
            charged = charge(change)
            self._check_budget(after, charged)
            self._count(after, wanted)
            self._charge(after, charged)
            if media:
                self.media[media.id] = media
            self._jobs[after.id] = after
            if holding:
                self._holders[after.user_id, holding.key] = Holder(after.kind, after.id, holding.until)
            if event := event_of(change):
                self.events.append(event)
            if chunk and chunk.segments:
                self._chunks.setdefault(after.id, {})[chunk.first] = chunk
            self._texts.setdefault(after.id, {}).update(texts)
            if mark:
                self._marks.setdefault(after.id, {})[mark.index] = mark

    def renew(self, job: Job, lease_expires_at: datetime) -> None:
        with self._lock:
            known = self._jobs.get(job.id)
            if known is None or known.lease_owner != job.lease_owner or known.status is not Status.RUNNING:
                raise LeaseLost
            self._jobs[job.id] = replace(known, lease_expires_at=lease_expires_at)

    def list(
        self,
        user_id: str,
        kind: Kind,
        *,
        limit: int,
        position: str | None = None,
        filters: Mapping[str, str] | None = None,
    ) -> Page[Job]:
        def wanted(job: Job) -> bool:
            mine = job.user_id == user_id and job.kind is kind and (position is None or job.id < position)
            return mine and all(str(getattr(job, name)) == value for name, value in (filters or {}).items())

        found = sorted((j for j in self._jobs.values() if wanted(j)), key=lambda j: j.id, reverse=True)
        return Page(tuple(found[:limit]), found[limit - 1].id if len(found) > limit else None)

    def segments(self, job_id: str, *, after: int = -1, limit: int | None = None) -> Iterator[Numbered]:
        texts = self._texts.get(job_id, {})
        rows = [
            corrected(Numbered(index, segment), texts.get(index))
            for chunk in self.chunks(job_id)
            for index, segment in enumerate(chunk.segments, start=chunk.first)
            if index > after
        ]
        yield from rows[:limit]

    def chunks(self, job_id: str) -> Iterator[Chunk]:
        yield from (chunk for _, chunk in sorted(self._chunks.get(job_id, {}).items()))

    def marks(self, job_id: str, *, after: int = -1, limit: int | None = None) -> Iterator[Mark]:
        yield from [mark for index, mark in sorted(self._marks.get(job_id, {}).items()) if index > after][:limit]

    def due(self, now: datetime, limit: int = 100) -> Iterator[Job]:
        yield from [j for j in list(self._jobs.values()) if j.due_at and j.due_at <= now][:limit]

    def oldest_queued(self, now: datetime) -> datetime | None:
        waiting = (job for job in list(self._jobs.values()) if job.status is Status.QUEUED and job.stage not in PARKED)
        return min((job.queued_at for job in waiting if job.queued_at), default=None)

    def holder(self, user_id: str, key: str) -> Holder | None:
        return self._holders.get((user_id, key))

    def waiting(self, user_id: str, key: str) -> Iterator[Dispatch]:
        for job in list(self._jobs.values()):
            if (job.user_id, job.work_key, job.stage) == (user_id, key, WAITING):
                yield Dispatch(job.kind.value, job.lane, job.id)

    def turns(self, user_id: str, workers: str) -> Iterator[Dispatch]:
        mine = [j for j in self._jobs.values() if (j.user_id, WORKERS[j.kind], j.stage) == (user_id, workers, TURN)]
        for job in sorted(mine, key=lambda job: job.id)[: self._free(mine[0]) if mine else 0]:
            yield Dispatch(job.kind.value, job.lane, job.id)

    def _free(self, job: Job) -> int:
        used = self.usage(job.user_id, month_of(job))
        return max(0, limits_of(job.tier).running_jobs - getattr(used, RUNNING[job.kind]))

    def delete(self, job: Job) -> int:
        held = [at for at, holder in self._holders.items() if holder.job_id == job.id]
        for at in held:
            del self._holders[at]
        rows = len(held) + len(self._marks.pop(job.id, {})) + len(self._chunks.pop(job.id, {}))
        rows += len(self._texts.pop(job.id, {}))
        with self._lock:
            gone = self._jobs.pop(job.id, None)
            if gone:
                self._count(gone, Usage() - kept(gone))
                self._charge(gone, released(gone))
        return rows + 1

    def usage(self, user_id: str, month: str) -> Usage:
        monthly, standing = self._used.get((user_id, month), Usage()), self._used.get((user_id, ""), Usage())
        return replace(monthly, **{name: getattr(standing, name) for name in STANDING})

    def spent(self, user_id: str, month: str, key_ids: Sequence[str]) -> dict[str, int]:
        return {key: self._spent[user_id, month, key] for key in key_ids if (user_id, month, key) in self._spent}

    def _check_budget(self, job: Job, charged: Charge | None) -> None:
        if charged is None or charged.room is None or job.budget is None:
            return
        if self._spent.get((job.user_id, charged.month, charged.key_id), 0) <= charged.room:
            return
        now = job.round_at or job.created_at
        if (told := (job.user_id, charged.month, charged.key_id)) not in self._told:
            self._told.add(told)
            self.events.append(budget_reached(job, job.budget, now))
        raise QuotaExceeded(BUDGET, job.budget.limit, now)

    def _charge(self, job: Job, charged: Charge | None) -> None:
        if charged:
            at = (job.user_id, charged.month, charged.key_id)
            self._spent[at] = self._spent.get(at, 0) + charged.added

    def _count(self, job: Job, change: Usage) -> None:
        for month in ("", month_of(job)):
            self._used[job.user_id, month] = self._used.get((job.user_id, month), Usage()) + change


@dataclass(frozen=True)
class MemoryObject:
    body: bytes
    content_type: str
    version: str
    metadata: Mapping[str, str]


class MemoryObjects:
    """Buckets as a dictionary, the newest version only; ``posts`` remembers what was presigned."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], MemoryObject] = {}
        self.posts: list[dict[str, Any]] = []
        self._puts = 0

    def presign_post(self, bucket: str, key: str, *, content_type: str, max_size: int) -> Upload:
        self.posts.append({"bucket": bucket, "key": key, "content_type": content_type, "max_size": max_size})
        return Upload(
            f"https://{bucket}.invalid/", {"key": key, "Content-Type": content_type}, datetime.max.replace(tzinfo=UTC)
        )

    def presign_get(self, bucket: str, key: str, *, filename: str, content_type: str) -> str:
        return f"https://{bucket}.invalid/{key}?filename={quote(filename)}"

    def head(self, bucket: str, key: str, version: str | None = None) -> Stored | None:
        found = self.objects.get((bucket, key))
        if found is None or version not in (None, found.version):
            return None
        return Stored(len(found.body), found.version, found.content_type, dict(found.metadata))

    def read(self, bucket: str, key: str, *, first: int | None = None, version: str | None = None) -> bytes:
        if self.head(bucket, key, version) is None:
            raise NotFound(f"The object {key} is not there any more.", code="object_missing")
        return self.objects[bucket, key].body[:first]

    def download(self, bucket: str, key: str, path: str, *, version: str | None = None) -> None:
        Path(path).write_bytes(self.read(bucket, key, version=version))

    def put(
        self,
        bucket: str,
        key: str,
        body: bytes,
        *,
        content_type: str,
        tags: Mapping[str, str] | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        self._puts += 1
        self.objects[bucket, key] = MemoryObject(body, content_type, str(self._puts), metadata or {})

    def create(self, bucket: str, key: str, body: bytes, *, content_type: str) -> bool:
        if (bucket, key) in self.objects:
            return False
        self.put(bucket, key, body, content_type=content_type)
        return True

    def keys(self, bucket: str, prefix: str) -> Iterator[str]:
        yield from sorted(key for at, key in self.objects if at == bucket and key.startswith(prefix))

    def upload(self, bucket: str, key: str, path: str, *, content_type: str) -> None:
        self.put(bucket, key, Path(path).read_bytes(), content_type=content_type)

    def upload_parts(self, bucket: str, key: str, parts: Iterator[bytes], *, content_type: str) -> None:
        self.put(bucket, key, b"".join(parts), content_type=content_type)

    def move(
        self, bucket: str, key: str, to: str, *, version: str | None = None, metadata: Mapping[str, str] | None = None
    ) -> None:
        found = self.objects.pop((bucket, key), None)
        if found and version in (None, found.version):
            self.put(bucket, to, found.body, content_type=found.content_type, metadata=metadata or found.metadata)

    def copy(self, bucket: str, key: str, to: str) -> None:
        body = self.read(bucket, key)
        self.put(bucket, to, body, content_type=self.objects[bucket, key].content_type)

    def delete(self, bucket: str, key: str, version: str | None = None) -> tuple[int, int]:
        if self.head(bucket, key, version) is None:
            return 0, 0
        del self.objects[bucket, key]
        return 1, 1

    def delete_prefix(self, bucket: str, prefix: str) -> tuple[int, int]:
        found = [key for key in self.objects if key[0] == bucket and key[1].startswith(prefix)]
        for key in found:
            del self.objects[key]
        return len(found), len(found)


class MemoryParts:
    """Unfinished objects of a bucket of `MemoryObjects`; `put` is what a client does with the address of a part."""

    def __init__(self, objects: MemoryObjects, bucket: str) -> None:
        self._objects = objects
        self._bucket = bucket
        self._open: dict[tuple[str, str], tuple[str, dict[int, bytes]]] = {}
        self._count = 0

    def begin(self, key: str, content_type: str) -> str:
        self._count += 1
        upload_id = f"upload-{self._count}"
        self._open[key, upload_id] = (content_type, {})
        return upload_id

    def address(self, key: str, upload_id: str, number: int, size: int, good_for: timedelta) -> str:
        return f"https://{self._bucket}.invalid/{key}?partNumber={number}&uploadId={upload_id}&size={size}"

    def put(self, key: str, upload_id: str, number: int, body: bytes) -> None:
        self._parts(key, upload_id)[1][number] = body

    def there(self, key: str, upload_id: str) -> Sequence[Part]:
        found = self._parts(key, upload_id)[1]
        return [Part(number, hashlib.md5(body).hexdigest(), len(body)) for number, body in sorted(found.items())]

    def join(self, key: str, upload_id: str, parts: Sequence[Part]) -> None:
        content_type, found = self._parts(key, upload_id)
        del self._open[key, upload_id]
        body = b"".join(found[part.number] for part in parts)
        self._objects.put(self._bucket, key, body, content_type=content_type)

    def size(self, key: str) -> int | None:
        found = self._objects.head(self._bucket, key)
        return found.size if found else None

    def _parts(self, key: str, upload_id: str) -> tuple[str, dict[int, bytes]]:
        try:
            return self._open[key, upload_id]
        except KeyError:
            raise NotFound("There is no such upload; begin a new one.") from None

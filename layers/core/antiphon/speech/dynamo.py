"""Jobs, their segments and marks in the table."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, astuple
from datetime import datetime
from types import MappingProxyType
from typing import Any, cast

from pynamodb.attributes import BooleanAttribute, JSONAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.exceptions import DeleteError, TransactWriteError, UpdateError
from pynamodb.expressions.condition import Condition
from pynamodb.transactions import TransactWrite

from antiphon.engines.ports import Char, Segment, Word
from antiphon.identity.tiers import limits_of
from antiphon.media.items import Media
from antiphon.media.items_dynamo import MediaRow, row_of
from antiphon.platform.clock import from_rfc3339, rfc3339, system_clock
from antiphon.platform.errors import LeaseLost
from antiphon.platform.events import Dispatch
from antiphon.platform.outbox import EventRow, event_row
from antiphon.platform.pages import Page
from antiphon.platform.table import DUE_SHARDS, DueIndex, Row, Table, code_of, conditions_failed
from antiphon.speech.measures import event_of
from antiphon.speech.metering import (
    BUDGET,
    RUNNING,
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
from antiphon.speech.model import (
    PARKED,
    SWEEP_AFTER,
    TERMINAL,
    WAITING,
    WORKERS,
    Budget,
    Change,
    Checkpoint,
    Failure,
    Job,
    Kind,
    Source,
    Status,
)
from antiphon.speech.ports import NO_TEXTS, Chunk, Crowded, Holder, Holding, Mark, Numbered, Stale, Taken, Texts
from antiphon.speech.shown import corrected
from antiphon.speech.usage_dynamo import DynamoUsage

_NONE: tuple[float, None] = (math.inf, None)
_TRANSIENT = frozenset({"TransactionConflictException"})


class JobRow(Row):
    kind = UnicodeAttribute()
    status = UnicodeAttribute()
    version = NumberAttribute()
    created_at = UnicodeAttribute()
    lane = UnicodeAttribute()
    stage = UnicodeAttribute(null=True)
    progress = NumberAttribute()
    attempts = NumberAttribute()
    failures = NumberAttribute()
    rounds = NumberAttribute()
    options = JSONAttribute()
    meta = JSONAttribute()
    source = JSONAttribute(null=True)
    title = UnicodeAttribute(null=True)
    callback_url = UnicodeAttribute(null=True)
    request_id = UnicodeAttribute(null=True)
    queued_at = UnicodeAttribute(null=True)
    round_at = UnicodeAttribute(null=True)
    started_at = UnicodeAttribute(null=True)
    finished_at = UnicodeAttribute(null=True)
    lease_owner = UnicodeAttribute(null=True)
    lease_expires_at = UnicodeAttribute(null=True)
    message_id = UnicodeAttribute(null=True)
    checkpoint = JSONAttribute()
    engine = UnicodeAttribute(null=True)
    language = UnicodeAttribute(null=True)
    duration = NumberAttribute(null=True)
    tier = UnicodeAttribute(default="free")
    characters = NumberAttribute(null=True)
    timings = JSONAttribute()
    warnings = JSONAttribute()
    error = JSONAttribute(null=True)
    result = JSONAttribute()
    speakers = JSONAttribute(null=True)
    budget = JSONAttribute(null=True)
    revision = UnicodeAttribute(null=True)
    request_key = UnicodeAttribute(null=True)
    work_key = UnicodeAttribute(null=True)
    copied = BooleanAttribute(null=True)
    ticket = NumberAttribute(null=True)
    busy_ms = NumberAttribute(default=0)
    metered_at = UnicodeAttribute(null=True)


class HolderRow(Row):
    """Which job does the work of a key."""

    kind = UnicodeAttribute()
    job_id = UnicodeAttribute()
    until = UnicodeAttribute()


class WaiterRow(Row):
    """A job that waits for the work of a key, or for its turn."""

    kind = UnicodeAttribute()
    lane = UnicodeAttribute()
    tier = UnicodeAttribute(null=True)


class ChunkRow(Row):
    first = NumberAttribute()
    segments = JSONAttribute()


class TextRow(Row):
    text = UnicodeAttribute(null=True)


class MarkRow(Row):
    mark = JSONAttribute()


LOOKED_AT = 2_500
"""Rows of a shard of the due index that are looked through for the job that waits longest."""
_TEXTS = (
    "stage",
    "title",
    "callback_url",
    "request_id",
    "lease_owner",
    "message_id",
    "engine",
    "language",
    "revision",
    "request_key",
    "work_key",
)
_COUNTS = ("version", "progress", "attempts", "failures", "rounds", "busy_ms")
_TIMES = ("queued_at", "round_at", "started_at", "finished_at", "lease_expires_at", "metered_at")


def sort_key(kind: Kind, job_id: str) -> str:
    return f"job#{kind.value}#{job_id}"


def index_key(kind: Kind, status: Status) -> str:
    return f"jobs#{kind.value}#{status.value}"


def age_of(job_id: str) -> str:
    """What sorts jobs of all kinds by the time they were made."""
    return job_id.partition("_")[2]


def _awaited(job: Job | None) -> str | None:
    """What it waits for without a message, as waiters are found."""
    if job is None or job.stage not in PARKED:
        return None
    return job.work_key if job.stage == WAITING else f"{_turns(WORKERS[job.kind])}{age_of(job.id)}"


def _turns(workers: str) -> str:
    return f"turn#{workers}#"


def _shard(job_id: str) -> int:
    return sum(job_id.encode()) % DUE_SHARDS


def _row_of(rows: type[JobRow], job: Job) -> JobRow:
    values: dict[str, Any] = {name: getattr(job, name) for name in (*_TEXTS, *_COUNTS)}
    values |= {name: (moment := getattr(job, name)) and rfc3339(moment) for name in _TIMES}
    if job.due_at:
        values |= {"gsi1pk": f"due#job#{_shard(job.id)}", "gsi1sk": rfc3339(job.due_at)}
    return rows(
        f"user#{job.user_id}",
        sort_key(job.kind, job.id),
        row="job",
        gsi2pk=index_key(job.kind, job.status),
        gsi2sk=age_of(job.id),
        kind=job.kind.value,
        status=job.status.value,
        created_at=rfc3339(job.created_at),
        lane=job.lane,
        options=dict(job.options),
        meta=dict(job.metadata),
        source=asdict(job.source) if job.source else None,
        checkpoint=asdict(job.checkpoint),
        duration=job.duration,
        tier=job.tier,
        characters=job.characters,
        timings=dict(job.timings),
        warnings=list(job.warnings),
        error=asdict(job.error) if job.error else None,
        result=dict(job.result),
        copied=job.copied or None,
        ticket=job.ticket,
        speakers=dict(job.speakers) or None,
        budget=asdict(job.budget) if job.budget else None,
        **values,
    )


def job_of(row: JobRow) -> Job:
    values: dict[str, Any] = {name: getattr(row, name) for name in _TEXTS}
    values |= {name: int(getattr(row, name)) for name in _COUNTS}
    values |= {name: (text := getattr(row, name)) and from_rfc3339(text) for name in _TIMES}
    return Job(
        id=row.sk.rsplit("#", 1)[1],
        kind=Kind(row.kind),
        user_id=row.pk.removeprefix("user#"),
        status=Status(row.status),
        created_at=from_rfc3339(row.created_at),
        lane=row.lane,
        options=MappingProxyType(row.options),
        metadata=MappingProxyType(row.meta),
        source=Source(**row.source) if row.source else None,
        due_at=from_rfc3339(row.gsi1sk) if row.gsi1sk else None,
        checkpoint=Checkpoint(**row.checkpoint),
        duration=None if row.duration is None else float(row.duration),
        tier=row.tier,
        characters=None if row.characters is None else int(row.characters),
        timings=MappingProxyType(row.timings),
        warnings=tuple(row.warnings),
        error=Failure(**row.error) if row.error else None,
        result=MappingProxyType(row.result),
        copied=bool(row.copied),
        ticket=None if row.ticket is None else int(row.ticket),
        speakers=MappingProxyType(row.speakers or {}),
        budget=Budget(**row.budget) if row.budget else None,
        **values,
    )


def _segment_of(data: Mapping[str, Any]) -> Segment:
    parts = {"words": tuple(Word(**w) for w in data["words"]), "chars": tuple(Char(*c) for c in data.get("chars", ()))}
    return Segment(**{**data, **parts})


def _segment_data(segment: Segment) -> dict[str, Any]:
    """Characters as lists of their values: by name they would fill a row in half a minute."""
    return {**asdict(segment), "chars": [astuple(char) for char in segment.chars]}


def _mark_of(data: Mapping[str, Any]) -> Mark:
    return Mark(**{**data, "words": tuple(Word(**w) for w in data["words"])})


class DynamoJobStore:
    def __init__(self, table: Table) -> None:
        self._table = table
        self._jobs = table.bind(JobRow)
        self._chunks = table.bind(ChunkRow)
        self._texts = table.bind(TextRow)
        self._marks = table.bind(MarkRow)
        self._media = table.bind(MediaRow)
        self._events = table.bind(EventRow)
        self._rows = table.bind(Row)
        self._holders = table.bind(HolderRow)
        self._waiters = table.bind(WaiterRow)
        self._usage = DynamoUsage(table)

    def get(self, user_id: str, kind: Kind, job_id: str) -> Job | None:
        try:
            return job_of(self._jobs.get(f"user#{user_id}", sort_key(kind, job_id), consistent_read=True))
        except self._jobs.DoesNotExist:
            return None

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
        before, after = change.before, change.after
        waited, waits = _awaited(before), _awaited(after)
        jobs = self._jobs
        condition: Any = jobs.pk.does_not_exist() if before is None else jobs.version == before.version
        if before is not None and before.lease_owner != after.lease_owner and before.lease_expires_at:
            condition &= jobs.lease_expires_at == rfc3339(before.lease_expires_at)
        limited: list[tuple[str, ...]] = []
        wanted, limits = counted(change, media)

        def fill(transaction: TransactWrite) -> None:
            transaction.save(_row_of(jobs, after), condition=condition)
            if holding:
                self._hold(transaction, after, holding)
            if behind:
                transaction.condition_check(
                    jobs,
                    f"user#{behind.user_id}",
                    sort_key(behind.kind, behind.id),
                    condition=jobs.status.is_in(*(status.value for status in Status if status not in TERMINAL)),
                )
            if crowded:
                most = limits_of(after.tier).running_jobs
                self._usage.check_full(transaction, after.user_id, RUNNING[after.kind], most)
            if waits and not waited:
                transaction.save(self._waiter(after, waits))
            if waited and not waits:
                transaction.delete(self._waiter(after, waited))
            if event := event_of(change):
                transaction.save(event_row(self._events, event))
            if chunk and chunk.segments:
                last = chunk.first + len(chunk.segments) - 1
                segments = [_segment_data(s) for s in chunk.segments]
                transaction.save(
                    self._chunks(
                        f"job#{after.id}", f"seg#{last:010d}", row="chunk", first=chunk.first, segments=segments
                    )
                )
            if mark:
                transaction.save(
                    self._marks(f"job#{after.id}", f"mark#{mark.index:010d}", row="mark", mark=asdict(mark))
                )
            for index, text in texts.items():
                transaction.save(self._texts(f"job#{after.id}", f"text#{index:010d}", row="text", text=text))
            if media:
                transaction.save(row_of(self._media, media), condition=self._media.pk.does_not_exist())
            limited[:] = self._usage.add(transaction, after.user_id, month_of(after), wanted, limits)
            limited.extend(self._usage.charge(transaction, after.user_id, charge(change)))

        try:
            self._table.write(fill)
        except TransactWriteError as error:
            failed = conditions_failed(error)
            if not any(failed):
                raise
            # The answer to our own write may have been lost: then the row already is what we wanted.
            if self.get(after.user_id, after.kind, after.id) == _as_stored(after):
                return
            place = (behind is not None) + crowded + bool(waited and not waits)
            if any(failed[: place + 1]):
                raise Stale from error
            if holding and failed[place + 1]:
                raise Taken from error
            # Updates are the last of a transaction.
            full = [names for names, refused in zip(limited, failed[-len(limited) :], strict=True) if refused]
            names = [name for names in full for name in names]
            if RUNNING[after.kind] in names:
                raise Crowded from error
            raise self._exceeded(change, wanted, limits, names) from error

    def _hold(self, transaction: TransactWrite, job: Job, holding: Holding) -> None:
        rows = self._holders
        row = rows(
            f"user#{job.user_id}",
            f"work#{holding.key}",
            row="work",
            kind=job.kind.value,
            job_id=job.id,
            until=rfc3339(holding.until),
            ttl=int(holding.until.timestamp()),
        )
        free = rows.pk.does_not_exist() | (rows.until <= rfc3339(holding.now)) | (rows.job_id == job.id)
        if holding.instead_of:
            free |= rows.job_id == holding.instead_of
        transaction.save(row, condition=free)

    def _waiter(self, job: Job, awaited: str) -> WaiterRow:
        return self._waiters(
            f"user#{job.user_id}",
            f"waits#{awaited}#{job.id}",
            row="waiter",
            kind=job.kind.value,
            lane=job.lane,
            tier=job.tier,
        )

    def holder(self, user_id: str, key: str) -> Holder | None:
        try:
            row = self._holders.get(f"user#{user_id}", f"work#{key}", consistent_read=True)
        except self._holders.DoesNotExist:
            return None
        return Holder(Kind(row.kind), row.job_id, from_rfc3339(row.until))

    def waiting(self, user_id: str, key: str) -> Iterator[Dispatch]:
        rows = self._waiters
        for row in rows.query(f"user#{user_id}", rows.sk.startswith(f"waits#{key}#"), consistent_read=True):
            yield _dispatch_of(row)

    def turns(self, user_id: str, workers: str) -> Iterator[Dispatch]:
        rows = self._waiters
        there = rows.sk.startswith(f"waits#{_turns(workers)}")
        free: int | None = None
        for row in rows.query(f"user#{user_id}", there, consistent_read=True):
            if free is None:
                free = limits_of(row.tier).running_jobs - self._usage.running(user_id, workers)
            if free <= 0:
                return
            free -= 1
            yield _dispatch_of(row)

    def _exceeded(self, change: Change, wanted: Usage, limits: Mapping[str, int], names: list[str]) -> QuotaExceeded:
        """The first of these counters that has no room, told to the user's webhooks once a month."""
        job = change.after
        if names == [BUDGET] and job.budget:
            now = system_clock()
            self._usage.tell(budget_reached(job, job.budget, now))
            return QuotaExceeded(BUDGET, job.budget.limit, now)
        used = self._usage.of(job.user_id, month_of(job))
        names = [name for name in names if name != BUDGET]
        full = [n for n in names if getattr(used, n) + getattr(wanted, n) > limits[n]] or names
        now = system_clock()
        self._usage.tell(quota_reached(job.user_id, job.tier, month_of(job), full[0], now))
        return QuotaExceeded(full[0], limits[full[0]], now)

    def renew(self, job: Job, lease_expires_at: datetime) -> None:
        jobs = self._jobs
        row = jobs(f"user#{job.user_id}", sort_key(job.kind, job.id))
        held = (jobs.lease_owner == job.lease_owner) & (jobs.status == Status.RUNNING.value)
        try:
            row.update(actions=[jobs.lease_expires_at.set(rfc3339(lease_expires_at))], condition=held)
        except UpdateError as error:
            if code_of(error) == "ConditionalCheckFailedException":
                raise LeaseLost from error
            if code_of(error) in _TRANSIENT:  # our own commit is under way and lengthens the lease itself
                return
            raise

    def list(
        self,
        user_id: str,
        kind: Kind,
        *,
        limit: int,
        position: str | None = None,
        filters: Mapping[str, str] | None = None,
    ) -> Page[Job]:
        jobs = self._jobs
        wanted: Any = None
        for name, value in (filters or {}).items():
            same = getattr(jobs, name) == value
            wanted = same if wanted is None else wanted & same
        found = [
            job_of(row)
            for row in jobs.query(
                f"user#{user_id}",
                jobs.sk.startswith(f"job#{kind.value}#"),
                filter_condition=wanted,
                scan_index_forward=False,
                limit=limit + 1,
                last_evaluated_key={"pk": {"S": f"user#{user_id}"}, "sk": {"S": sort_key(kind, position)}}
                if position
                else None,
            )
        ]
        return Page(tuple(found[:limit]), found[limit - 1].id if len(found) > limit else None)

    def segments(self, job_id: str, *, after: int = -1, limit: int | None = None) -> Iterator[Numbered]:
        given = 0
        texts = self._corrections(job_id, after)
        at, text = next(texts, _NONE)
        for chunk in self._stored(job_id, after):
            for place, segment in enumerate(chunk.segments, start=chunk.first):
                if place <= after:
                    continue
                if limit is not None and given >= limit:
                    return
                given += 1
                while at < place:
                    at, text = next(texts, _NONE)
                yield corrected(Numbered(place, segment), text if at == place else None)

    def chunks(self, job_id: str) -> Iterator[Chunk]:
        return self._stored(job_id, -1)

    def _stored(self, job_id: str, after: int) -> Iterator[Chunk]:
        condition = self._chunks.sk.between(f"seg#{after + 1:010d}", "seg#~")
        for row in self._chunks.query(f"job#{job_id}", condition, consistent_read=True):
            yield Chunk(int(row.first), tuple(map(_segment_of, row.segments)))

    def _corrections(self, job_id: str, after: int) -> Iterator[tuple[float, str | None]]:
        condition = self._texts.sk.between(f"text#{after + 1:010d}", "text#~")
        for row in self._texts.query(f"job#{job_id}", condition, consistent_read=True):
            yield int(row.sk.removeprefix("text#")), row.text

    def marks(self, job_id: str, *, after: int = -1, limit: int | None = None) -> Iterator[Mark]:
        condition = self._marks.sk.between(f"mark#{after + 1:010d}", "mark#~")
        for row in self._marks.query(f"job#{job_id}", condition, consistent_read=True, limit=limit):
            yield _mark_of(row.mark)

    def due(self, now: datetime, limit: int = 100) -> Iterator[Job]:
        for shard in range(DUE_SHARDS):
            index = self._jobs.due
            for row in index.query(f"due#job#{shard}", DueIndex.gsi1sk <= rfc3339(now), limit=limit):
                job = self.get(row.pk.removeprefix("user#"), *_kind_and_id(row.sk))
                if job and job.due_at and job.due_at <= now:
                    yield job

    def oldest_queued(self, now: datetime) -> datetime | None:
        """A queued job is due within SWEEP_AFTER: that part of the index holds hardly any others."""
        jobs, soon = self._jobs, DueIndex.gsi1sk <= rfc3339(now + SWEEP_AFTER)
        waits = (jobs.status == Status.QUEUED.value) & (jobs.stage.does_not_exist() | ~jobs.stage.is_in(*PARKED))
        wanted = ["pk", "sk", "row", "queued_at"]
        found = [
            from_rfc3339(cast(JobRow, row).queued_at)
            for shard in range(DUE_SHARDS)
            for row in jobs.due.query(f"due#job#{shard}", soon, waits, limit=LOOKED_AT, attributes_to_get=wanted)
            if cast(JobRow, row).queued_at
        ]
        return min(found, default=None)

    def delete(self, job: Job) -> int:
        removed = 0
        with self._rows.batch_write() as batch:
            for row in self._rows.query(f"job#{job.id}", attributes_to_get=["pk", "sk", "row"]):
                batch.delete(row)
                removed += 1
        for key in filter(None, (job.request_key, job.work_key)):
            held = self._holders(f"user#{job.user_id}", f"work#{key}")
            removed += _deleted(held, self._holders.job_id == job.id)
        self._forget(job)
        return removed + 1

    def usage(self, user_id: str, month: str) -> Usage:
        return self._usage.of(user_id, month)

    def spent(self, user_id: str, month: str, key_ids: Sequence[str]) -> dict[str, int]:
        return self._usage.spent(user_id, month, key_ids)

    def _forget(self, job: Job) -> None:
        """The row, and what it counted for, once."""
        known: Job | None = job
        while known is not None and not self._forgotten(known):
            known = self.get(job.user_id, job.kind, job.id)

    def _forgotten(self, job: Job) -> bool:
        """Whether the row was as it was read."""
        row = self._jobs(f"user#{job.user_id}", sort_key(job.kind, job.id))

        def fill(transaction: TransactWrite) -> None:
            transaction.delete(row, condition=self._jobs.version == job.version)
            self._usage.add(transaction, job.user_id, month_of(job), Usage() - kept(job), {})
            self._usage.charge(transaction, job.user_id, released(job))

        return self._table.write_if(fill)


def _dispatch_of(row: WaiterRow) -> Dispatch:
    return Dispatch(row.kind, row.lane, row.sk.rsplit("#", 1)[1])


def _deleted(row: Row, condition: Condition) -> bool:
    """Whether it was there, and so."""
    try:
        row.delete(condition)
    except DeleteError as error:
        if code_of(error) != "ConditionalCheckFailedException":
            raise
        return False
    return True


def _kind_and_id(sk: str) -> tuple[Kind, str]:
    _, kind, job_id = sk.split("#")
    return Kind(kind), job_id


def _as_stored(job: Job) -> Job:
    """The job as it comes back: times to the millisecond, mappings and tuples as JSON gives them."""
    return job_of(_row_of(JobRow, job))

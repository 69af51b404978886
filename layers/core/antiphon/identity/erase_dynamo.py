"""All rows of one account, found by key and query: nothing scans."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from pynamodb.attributes import BooleanAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.exceptions import TransactWriteError, UpdateError
from pynamodb.expressions.update import Action
from pynamodb.transactions import TransactWrite

from antiphon.identity.dynamo import EmailRow, TombstoneRow, tombstone_of
from antiphon.identity.model import Mark, Removed, UserStatus, email_key
from antiphon.platform.clock import Clock, from_rfc3339, rfc3339
from antiphon.platform.errors import Unavailable
from antiphon.platform.table import DUE_SHARDS, DueIndex, Row, Table, code_of
from antiphon.search.model import Entry, Kind
from antiphon.search.ports import Vectors
from antiphon.tally.dynamo import DynamoTally

TOMBSTONE_FOR = timedelta(hours=24)
BATCH = 25
"""What DynamoDB takes in one BatchWriteItem."""
COUNTED = ("queued", "running")
"""Jobs that were accepted: see the tally."""
ENDED = ("succeeded", "failed", "canceled", "expired")
ERASED = "erased"
"""Why an endpoint was switched off: see webhooks."""
LIMIT_MINUTES = 20
"""Rows of rate limits live for minutes; each minute is a partition of its own. So many are looked at: a second look comes after 15."""
_CHANGED = "ConditionalCheckFailedException"
_LOST_RACE = frozenset({"ConditionalCheckFailed", "TransactionConflict"})
_TRIES = 5


class ErasingRow(Row):
    """The profile, as far as an erasure knows it."""

    email = UnicodeAttribute()
    status = UnicodeAttribute()
    erasing_at = UnicodeAttribute(null=True)
    erased_rows = NumberAttribute(null=True)
    erased_objects = NumberAttribute(null=True)
    erased_versions = NumberAttribute(null=True)


class OpenJobRow(Row):
    status = UnicodeAttribute()
    version = NumberAttribute()
    lease_owner = UnicodeAttribute(null=True)
    lease_expires_at = UnicodeAttribute(null=True)


class OpenEndpointRow(Row):
    active = BooleanAttribute()
    disabled_reason = UnicodeAttribute(null=True)
    version = NumberAttribute()


class LeadingRow(Row):
    """``hash``: by which others find an API key, or that of a device."""

    hash = UnicodeAttribute(null=True)


class DynamoAccountRows:
    """vectors: where they lie outside the table; else None."""

    def __init__(self, table: Table, clock: Clock, vectors: Vectors | None = None) -> None:
        self._table = table
        self._vectors = vectors
        self._clock = clock
        self._profiles = table.bind(ErasingRow)
        self._emails = table.bind(EmailRow)
        self._tombstones = table.bind(TombstoneRow)
        self._jobs = table.bind(OpenJobRow)
        self._endpoints = table.bind(OpenEndpointRow)
        self._rows = table.bind(LeadingRow)
        self._tally = DynamoTally(table)

    def mark(self, user_id: str, now: datetime, due: datetime) -> Mark | None:
        profiles = self._profiles
        row = profiles(f"user#{user_id}", "profile")
        actions: list[Action] = [
            profiles.status.set(UserStatus.ERASING.value),
            profiles.erasing_at.set(profiles.erasing_at | rfc3339(now)),
            profiles.gsi1pk.set(f"due#erasure#{_shard(user_id)}"),
            profiles.gsi1sk.set(rfc3339(due)),
        ]
        try:
            row.update(actions=actions, condition=profiles.pk.exists())
        except UpdateError as error:
            if code_of(error) == _CHANGED:
                return None
            raise
        counted = (row.erased_rows, row.erased_objects, row.erased_versions)
        return Mark(user_id, row.email, from_rfc3339(row.erasing_at or ""), Removed(*(int(n or 0) for n in counted)))

    def due(self, now: datetime) -> Iterator[str]:
        for shard in range(DUE_SHARDS):
            for row in self._profiles.due.query(f"due#erasure#{shard}", DueIndex.gsi1sk <= rfc3339(now)):
                yield row.pk.removeprefix("user#")

    def stop(self, user_id: str) -> Iterator[Removed]:
        jobs, endpoints = self._jobs, self._endpoints
        pk = f"user#{user_id}"
        open_ones = ~jobs.status.is_in(*ENDED)
        for job in jobs.query(pk, jobs.sk.startswith("job#"), open_ones, consistent_read=True):
            self._cancel(job)
            yield Removed()
        usable = ~(endpoints.disabled_reason == ERASED)
        for endpoint in endpoints.query(pk, endpoints.sk.startswith("webhook#"), usable, consistent_read=True):
            actions = [
                endpoints.active.set(False),
                endpoints.disabled_reason.set(ERASED),
                endpoints.version.set(endpoints.version + 1),
            ]
            self._update(endpoint, actions, endpoints.pk.exists())
            yield Removed()

    def _cancel(self, job: OpenJobRow) -> None:
        """As if its owner had, and counted as that, but told to nobody. Nothing where it has ended meanwhile."""
        jobs = self._jobs
        # The version is what every other writer's condition holds on to.
        actions: list[Action] = [
            jobs.status.set("canceled"),
            jobs.version.set(jobs.version + 1),
            jobs.lease_owner.remove(),
            jobs.lease_expires_at.remove(),
            jobs.gsi1pk.remove(),
            jobs.gsi1sk.remove(),
        ]

        def fill(transaction: TransactWrite) -> None:
            transaction.update(job, actions, condition=jobs.status == job.status)
            if job.status in COUNTED:
                kind = job.sk.split("#")[1]
                self._tally.enter(transaction, self._clock(), {f"{kind}_canceled": 1})

        for _ in range(_TRIES):
            if self._table.write_if(fill):
                return
            try:
                job.refresh(consistent_read=True)
            except jobs.DoesNotExist:
                return
            if job.status in ENDED:
                return
        raise Unavailable("A job of this account changes all the time; repeat.", retry_after=1)

    def remove(self, user_id: str, email: str | None) -> Iterator[Removed]:
        # Events first: without its event a message of the deliveries queue ends.
        yield from self._clear(f"events#{user_id}")
        for rows in _batches(self._found(f"user#{user_id}")):
            own = [row for row in rows if row.sk != "profile"]
            for row in own:
                for partition in _led_to_by(row):
                    yield from self._clear(partition)
            if own:  # a step that does nothing would be all that a pass without time ever does
                yield self._delete((row.pk, row.sk) for row in own)
        # After what is in the index: whoever indexes looks again whether it is still there.
        yield from self._clear_index(user_id)
        minute = int(self._clock().timestamp() // 60)
        partitions = [f"webhook#callback#{user_id}", f"audit#{user_id}", f"idem#{user_id}"]
        partitions += [f"limit#{user_id}#{n}" for n in range(minute - LIMIT_MINUTES, minute + 2)]
        if email is not None:
            key = email_key(email)
            partitions += [f"idem#{key}", f"attempts#account#{key}", f"mails#{key}"]
        for partition in partitions:
            yield from self._clear(partition)

    def pause(self, mark: Mark, removed: Removed, due: datetime) -> None:
        profiles = self._profiles
        actions = [
            profiles.erased_rows.set(removed.rows),
            profiles.erased_objects.set(removed.objects),
            profiles.erased_versions.set(removed.versions),
            profiles.gsi1sk.set(rfc3339(due)),
        ]
        self._update(profiles(f"user#{mark.user_id}", "profile"), actions, profiles.pk.exists())

    def finish(self, mark: Mark, removed: Removed, at: datetime) -> None:
        profiles, emails = self._profiles, self._emails
        counted: dict[str, Any] = {"rows": removed.rows, "objects": removed.objects, "versions": removed.versions}
        ttl = int((at + TOMBSTONE_FOR).timestamp())
        trace = self._tombstones(*tombstone_of(mark.user_id), row="erased", at=rfc3339(at), ttl=ttl, **counted)
        own = emails.pk.does_not_exist() | (emails.user_id == mark.user_id)
        try:
            with self._table.transaction() as transaction:
                transaction.delete(
                    profiles(f"user#{mark.user_id}", "profile"),
                    condition=profiles.status == UserStatus.ERASING.value,
                )
                transaction.delete(emails(f"email#{email_key(mark.email)}", "user"), condition=own)
                transaction.save(trace)
        except TransactWriteError as error:
            lost = _LOST_RACE.intersection(reason.code for reason in error.cancellation_reasons if reason)
            if not lost or self.finished(mark.user_id) is None:  # else another was faster, or our own answer was lost
                raise

    def finished(self, user_id: str) -> tuple[Removed, datetime] | None:
        try:
            row = self._tombstones.get(*tombstone_of(user_id), consistent_read=True)
        except self._tombstones.DoesNotExist:
            return None
        return Removed(int(row.rows), int(row.objects), int(row.versions)), from_rfc3339(row.at)

    def _found(self, pk: str) -> Iterator[LeadingRow]:
        return iter(self._rows.query(pk, consistent_read=True, attributes_to_get=["pk", "sk", "row", "hash"]))

    def _clear_index(self, user_id: str) -> Iterator[Removed]:
        for rows in _batches(self._found(f"search#{user_id}")):
            if self._vectors is not None:
                self._vectors.remove(user_id, [_entry(row.sk) for row in rows if row.sk.startswith("entry#")])
            yield self._delete((row.pk, row.sk) for row in rows)

    def _clear(self, pk: str) -> Iterator[Removed]:
        """A whole partition; of deliveries first what finds them by their id."""
        for rows in _batches(self._found(pk)):
            refs = [(row.sk, "ref") for row in rows if row.sk.startswith("delivery#")]
            removed = self._delete(refs)
            yield removed + self._delete((row.pk, row.sk) for row in rows)

    def _delete(self, keys: Iterable[tuple[str, str]]) -> Removed:
        """At most one batch. Raises PutError where DynamoDB did not process it all, also when asked again."""
        removed = 0
        with self._rows.batch_write() as batch:
            for pk, sk in keys:
                batch.delete(self._rows(pk, sk))
                removed += 1
        return Removed(rows=removed)

    def _update(self, row: Row, actions: list[Any], condition: Any) -> None:
        """Nothing where the condition does not hold. A transaction of a worker on the same row refuses others for milliseconds."""
        for attempt in range(_TRIES):
            try:
                row.update(actions=actions, condition=condition)
            except UpdateError as error:
                if code_of(error) == _CHANGED:
                    return
                if code_of(error) != "TransactionConflictException" or attempt == _TRIES - 1:
                    raise
            else:
                return


def _entry(sk: str) -> Entry:
    _, kind, parent, key = sk.split("#", 3)
    return Entry(Kind(kind), key, parent, {})


def _shard(user_id: str) -> int:
    return sum(user_id.encode()) % DUE_SHARDS


def _batches(rows: Iterator[LeadingRow]) -> Iterator[list[LeadingRow]]:
    while batch := list(islice(rows, BATCH)):
        yield batch


def _led_to_by(row: LeadingRow) -> Iterator[str]:
    """The partitions that nobody would find without this row."""
    kind, _, rest = row.sk.partition("#")
    if kind == "job":
        yield f"job#{rest.rpartition('#')[2]}"
    elif kind == "conv":
        yield f"conv#{rest}"
    elif kind in ("webhook", "webhook-gone"):
        yield f"webhook#{rest}"
    elif kind == "federated":
        yield f"federated#{rest}"
    elif kind in ("key", "device") and row.hash:
        yield f"apikey#{row.hash}"

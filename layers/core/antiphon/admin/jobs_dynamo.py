"""Everybody's jobs: the newest keys of each kind and status from the index, laid together, and then the rows of one page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import chain, islice, product

from pynamodb.expressions.condition import Condition

from antiphon.admin.model import Sought
from antiphon.platform.pages import Page
from antiphon.platform.table import AgeIndex, Table
from antiphon.speech.dynamo import JobRow, age_of, index_key, job_of, sort_key
from antiphon.speech.model import Job, Kind, Status

OLDEST = 100
"""Jobs of a kind that are looked at for the one that is queued the longest."""
Key = tuple[str, str]


class DynamoAllJobs:
    def __init__(self, table: Table) -> None:
        self._jobs = table.bind(JobRow)

    def page(self, sought: Sought, limit: int, position: str | None = None) -> Page[Job]:
        kinds = [sought.kind] if sought.kind else list(Kind)
        newest = self._of_user if sought.user_id else self._of_all
        keys = chain.from_iterable(newest(sought, kind, limit + 1, position) for kind in kinds)
        found = sorted(keys, key=_age, reverse=True)[: limit + 1]
        jobs = sorted(self._rows(found[:limit]), key=lambda job: age_of(job.id), reverse=True)
        return Page(tuple(jobs), _age(found[limit - 1]) if len(found) > limit else None)

    def find(self, job_id: str) -> Job | None:
        age = age_of(job_id)
        if not age:
            return None
        for kind, status in product(Kind, Status):
            for job in self._rows(list(self._keys(kind, status, AgeIndex.gsi2sk == age))):
                if job.id == job_id:
                    return job
        return None

    def longest_queued(self, kind: Kind, lane: str) -> datetime | None:
        keys = list(self._keys(kind, Status.QUEUED, limit=OLDEST, newest=False))
        since = [job.queued_at for job in self._rows(keys) if job.queued_at and lane in ("", job.lane)]
        return min(since, default=None)

    def count(self, kind: Kind, status: Status) -> int:
        return int(self._jobs.age.count(index_key(kind, status)))

    def _of_all(self, sought: Sought, kind: Kind, most: int, position: str | None) -> Iterator[Key]:
        older = AgeIndex.gsi2sk < position if position else None
        for status in [sought.status] if sought.status else Status:
            yield from self._keys(kind, status, older, limit=most)

    def _of_user(self, sought: Sought, kind: Kind, most: int, position: str | None) -> Iterator[Key]:
        jobs, pk = self._jobs, f"user#{sought.user_id}"
        prefix = "doc" if kind is Kind.DOCUMENT else "job"
        rows = jobs.query(
            pk,
            jobs.sk.startswith(sort_key(kind, "")),
            filter_condition=jobs.status == sought.status.value if sought.status else None,
            scan_index_forward=False,
            last_evaluated_key={"pk": {"S": pk}, "sk": {"S": sort_key(kind, f"{prefix}_{position}")}}
            if position
            else None,
        )
        yield from ((row.pk, row.sk) for row in islice(rows, most))

    def _keys(
        self,
        kind: Kind,
        status: Status,
        condition: Condition | None = None,
        *,
        limit: int | None = None,
        newest: bool = True,
    ) -> Iterator[Key]:
        rows = self._jobs.age.query(index_key(kind, status), condition, scan_index_forward=not newest, limit=limit)
        yield from ((row.pk, row.sk) for row in rows)

    def _rows(self, keys: Sequence[Key]) -> Iterator[Job]:
        """In any order; a job that is gone by now is left out."""
        yield from map(job_of, self._jobs.batch_get(keys) if keys else ())


def _age(key: Key) -> str:
    return age_of(key[1].rpartition("#")[2])

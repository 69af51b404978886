"""Pages in the table: a row for each part, in the partition of their document, so that they go with it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pynamodb.attributes import UnicodeAttribute
from pynamodb.exceptions import TransactWriteError
from pynamodb.transactions import TransactWrite

from antiphon.documents.model import Page, Part, pages_of
from antiphon.platform.errors import LeaseLost
from antiphon.platform.table import Row, Table, conditions_failed
from antiphon.speech.dynamo import JobRow
from antiphon.speech.model import Job, Status

MOST_ROWS, MOST_BYTES = 90, 3_000_000
"""Of one transaction: DynamoDB takes 100 rows and 4 MB."""


class PageRow(Row):
    text = UnicodeAttribute()


class DynamoPages:
    def __init__(self, table: Table) -> None:
        self._table = table
        self._jobs = table.bind(JobRow)
        self._pages = table.bind(PageRow)

    def write(self, job: Job, parts: Sequence[Part]) -> None:
        for batch in _batches(parts):
            self._write(job, batch)

    def parts(
        self, document_id: str, *, after: tuple[int, int] | None = None, page: int | None = None
    ) -> Iterator[Part]:
        pages = self._pages
        prefix = "page#" if page is None else f"page#{page:06d}#"
        condition = pages.sk.between(prefix if after is None else _sk(after[0], after[1] + 1), f"{prefix}~")
        for row in pages.query(f"job#{document_id}", condition, consistent_read=True):
            _, number, index = row.sk.split("#")
            yield Part(int(number), int(index), row.text)

    def pages(self, document_id: str) -> Iterator[Page]:
        return pages_of(self.parts(document_id))

    def _write(self, job: Job, batch: Sequence[Part]) -> None:
        jobs, pages = self._jobs, self._pages
        held = (jobs.lease_owner == job.lease_owner) & (jobs.status == Status.RUNNING.value)

        def fill(transaction: TransactWrite) -> None:
            transaction.condition_check(jobs, f"user#{job.user_id}", f"job#{job.kind.value}#{job.id}", condition=held)
            for part in batch:
                transaction.save(pages(f"job#{job.id}", _sk(part.page, part.index), row="page", text=part.text))

        try:
            self._table.write(fill)
        except TransactWriteError as error:
            if not any(conditions_failed(error)):
                raise
            raise LeaseLost from error


def _sk(page: int, index: int) -> str:
    return f"page#{page:06d}#{index:03d}"


def _batches(parts: Sequence[Part]) -> Iterator[list[Part]]:
    batch: list[Part] = []
    size = 0
    for part in parts:
        own = len(part.text.encode()) + 200
        if batch and (len(batch) == MOST_ROWS or size + own > MOST_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(part)
        size += own
    if batch:
        yield batch

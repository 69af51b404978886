"""T-03: the fake and the real store of pages pass one suite."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from antiphon.documents.dynamo import MOST_ROWS, DynamoPages
from antiphon.documents.memory import MemoryPages
from antiphon.documents.model import PART, Page, Part, parts_of
from antiphon.platform.errors import LeaseLost
from antiphon.speech import model
from antiphon.speech.dynamo import DynamoJobStore
from antiphon.speech.memory import MemoryJobStore
from antiphon.speech.model import Job, Kind, Source, Status

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
LEASE = timedelta(seconds=60)
USER = "usr_1"


@dataclass
class Shelf:
    jobs: MemoryJobStore | DynamoJobStore
    pages: MemoryPages | DynamoPages

    def reading(self, number: int = 1) -> Job:
        job = Job(
            f"doc_{number:026d}", Kind.DOCUMENT, USER, Status.QUEUED, NOW, tier="premium", source=Source("b", "k")
        )
        made = model.create(job, NOW)
        self.jobs.apply(made)
        claimed = model.claim(made.after, owner="w1", message_id="m", lease=LEASE, now=NOW)
        self.jobs.apply(claimed)
        return claimed.after


@pytest.fixture(params=["memory", "dynamo"])
def shelf(request: pytest.FixtureRequest) -> Shelf:
    if request.param == "memory":
        jobs = MemoryJobStore()
        return Shelf(jobs, MemoryPages(jobs))
    table = request.getfixturevalue("table")
    return Shelf(DynamoJobStore(table), DynamoPages(table))


def test_pages_come_back_in_order_however_often_and_in_whatever_order_they_were_written(shelf: Shelf) -> None:
    job, other = shelf.reading(), shelf.reading(2)
    pages = [Page(1, "first"), Page(2, ""), Page(3, "שלום " * PART), Page(10, "tenth"), Page(11, "eleventh")]
    parts = [part for page in pages for part in parts_of(page)]
    shelf.pages.write(job, parts[3:])
    for _ in range(2):
        shelf.pages.write(job, parts)
    shelf.pages.write(other, [Part(1, 0, "other")])
    assert list(shelf.pages.pages(job.id)) == pages
    assert list(shelf.pages.parts(job.id)) == parts
    assert list(shelf.pages.pages("doc_none")) == []


def test_a_reader_goes_on_where_it_was(shelf: Shelf) -> None:
    job = shelf.reading()
    parts = [Part(1, 0, "a"), Part(2, 0, "b"), Part(2, 1, "c"), Part(3, 0, "d")]
    shelf.pages.write(job, parts)
    assert list(shelf.pages.parts(job.id, after=(1, 0))) == parts[1:]
    assert list(shelf.pages.parts(job.id, after=(2, 1))) == parts[3:]
    assert list(shelf.pages.parts(job.id, page=2)) == parts[1:3]
    assert list(shelf.pages.parts(job.id, page=2, after=(2, 0))) == parts[2:3]
    assert list(shelf.pages.parts(job.id, page=2, after=(2, 1))) == []
    assert list(shelf.pages.parts(job.id, page=9)) == []


def test_thousands_of_pages_are_written(shelf: Shelf) -> None:
    job = shelf.reading()
    parts = [Part(number, 0, f"page {number}") for number in range(1, 2 * MOST_ROWS + 10)]
    shelf.pages.write(job, parts)
    assert list(shelf.pages.parts(job.id)) == parts


def test_who_has_lost_the_document_writes_nothing(shelf: Shelf) -> None:
    """Q-16: also where it was deleted, so that no row is left that nothing leads to."""
    job = shelf.reading()
    later = NOW + 2 * LEASE
    shelf.jobs.apply(model.claim(job, owner="w2", message_id="m", lease=LEASE, now=later))
    gone = shelf.reading(2)
    shelf.jobs.delete(gone)
    for lost in (job, gone):
        with pytest.raises(LeaseLost):
            shelf.pages.write(lost, [Part(1, 0, "late")])
        assert list(shelf.pages.parts(lost.id)) == []


def test_a_deleted_document_takes_its_pages_with_it(table: object, request: pytest.FixtureRequest) -> None:
    found = request.getfixturevalue("table")
    shelf = Shelf(DynamoJobStore(found), DynamoPages(found))
    job = shelf.reading()
    shelf.pages.write(job, [Part(n, 0, "x") for n in range(1, 31)])
    assert shelf.jobs.delete(job) == 31
    assert list(shelf.pages.parts(job.id)) == []

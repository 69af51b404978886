"""One claimed document, from its upload to its pages."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from antiphon.documents.memory import MemoryPages
from antiphon.documents.model import DocumentError, Page
from antiphon.documents.take import TakeDocument
from antiphon.speech import model
from antiphon.speech.memory import MemoryJobStore, MemoryObjects
from antiphon.speech.model import Job, Kind, Source, Status
from antiphon.speech.remove import Remove
from antiphon.work.memory import MemoryLane
from antiphon.work.protection import NoProtection
from antiphon.work.queue import Message
from antiphon.work.worker import MAX_FAILURES, Outcome, Worker

USER, BUCKET = "usr_01ARZ3NDEKTSV4RRFFQ69G5FAV", "uploads-bucket"
LEASE = timedelta(seconds=60)
BATCH = 5


class Book:
    """What the reader finds: pages, or what goes wrong behind them."""

    format = "pdf"

    def __init__(self) -> None:
        self.pages: list[Page] = [Page(1, "Two words."), Page(2, "שלום עולם")]
        self.error: Exception | None = None
        self.between = lambda: None

    def __iter__(self) -> Iterator[Page]:
        for page in self.pages:
            self.between()
            yield page
        if self.error:
            raise self.error


class Room:
    """The function that reads, on fakes."""

    def __init__(self, clock: Any, folder: Path) -> None:
        self.clock, self.book = clock, Book()
        self.jobs, self.objects = MemoryJobStore(), MemoryObjects()
        self.pages = MemoryPages(self.jobs)
        self.lane = MemoryLane("documents", clock)
        self.opened: list[str] = []

        @contextmanager
        def reading(path: Path, filename: str) -> Iterator[Book]:
            self.opened.append(filename)
            assert path.read_bytes() == b"%PDF-"
            yield self.book

        self.worker = Worker(
            lanes=[self.lane],
            store=self.jobs,
            work=TakeDocument(
                store=self.jobs,
                pages=self.pages,
                objects=self.objects,
                open=reading,
                work_dir=folder,
                clock=clock,
                batch=BATCH,
            ),
            lease=LEASE,
            clock=clock,
            protection=NoProtection(),
            logger=logging.getLogger("reader"),
        )
        source = Source(BUCKET, f"uploads/{USER}/doc_1", size=5, filename="a.pdf")
        self.objects.put(BUCKET, source.key, b"%PDF-", content_type="application/pdf")
        made = model.create(Job("doc_1", Kind.DOCUMENT, USER, Status.QUEUED, clock(), source=source), clock())
        self.jobs.apply(made)
        self.lane.send(Message("m1", "", USER, Kind.DOCUMENT, "doc_1"))

    @property
    def job(self) -> Job:
        found = self.jobs.get(USER, Kind.DOCUMENT, "doc_1")
        assert found
        return found

    @property
    def events(self) -> list[str]:
        return [event.type for event in self.jobs.events]

    def take(self) -> Outcome:
        message = self.lane.receive(0)
        assert message
        return self.worker.deliver(self.lane, message)


@pytest.fixture
def room(clock: Any, tmp_path: Path) -> Iterator[Room]:
    room = Room(clock, tmp_path)
    yield room
    assert list(tmp_path.iterdir()) == [], "a file was left behind"
    for thread in threading.enumerate():
        if thread.name.startswith("heartbeat"):
            thread.join(10)
            assert not thread.is_alive(), "a heartbeat was left behind"


def test_a_document_is_read_to_its_end(room: Room) -> None:
    assert room.take().what == "deleted"
    job = room.job
    assert (job.status, job.progress, job.engine) == (Status.SUCCEEDED, 100, "pdfium")
    assert job.result == {"format": "pdf", "pages": 2, "words": 4}
    assert job.warnings == ()
    assert list(room.pages.pages("doc_1")) == room.book.pages
    assert room.events == ["document.queued", "document.started", "document.succeeded"]
    assert room.opened == ["a.pdf"]
    assert room.lane.receive(0) is None


def test_a_document_without_text_succeeds_with_a_warning(room: Room) -> None:
    room.book.pages = [Page(1, ""), Page(2, "")]
    room.take()
    assert (room.job.status, room.job.result["words"], len(room.job.warnings)) == (Status.SUCCEEDED, 0, 1)


def test_a_document_that_cannot_be_read_fails_at_once(room: Room) -> None:
    room.book.error = DocumentError("It is encrypted.", code="document_encrypted")
    assert room.take().what == "deleted"
    assert room.job.error == model.Failure("document_encrypted", "It is encrypted.")
    assert room.events[-1] == "document.failed"


def test_what_may_pass_is_tried_again_and_then_given_up(room: Room) -> None:
    room.book.error = OSError(28, "No space left on device")
    for _ in range(MAX_FAILURES):
        outcome = room.take()
        room.clock.move(seconds=1000)
    assert (outcome.what, room.job.status) == ("deleted", Status.FAILED)
    assert room.job.error
    assert room.job.error.code == "worker_full"


def test_a_second_message_of_a_document_changes_nothing(room: Room) -> None:
    """Q-10"""
    room.lane.send(Message("m2", "", USER, Kind.DOCUMENT, "doc_1"))
    assert [room.take().what for _ in range(2)] == ["deleted", "deleted"]
    assert len(room.opened) == 1
    assert room.events.count("document.succeeded") == 1


def test_a_document_that_is_deleted_meanwhile_leaves_nothing(room: Room) -> None:
    """Q-16: whoever reads it writes no page of it any more."""
    room.book.pages = [Page(n, "x") for n in range(1, 3 * BATCH)]
    remove = Remove(jobs=room.jobs, objects=room.objects, uploads_bucket=BUCKET, clock=room.clock)
    calls = iter(range(10_000))
    room.book.between = lambda: remove(USER, Kind.DOCUMENT, "doc_1") and None if next(calls) == BATCH + 2 else None
    assert room.take().what == "dropped"
    assert room.jobs.get(USER, Kind.DOCUMENT, "doc_1") is None
    assert max(part.page for part in room.pages.parts("doc_1")) == BATCH
    assert room.events[-1] == "document.canceled"


def test_the_message_is_hidden_for_a_lease_from_the_first_moment(room: Room) -> None:
    """The queue itself hides it for hours: a reader that dies must not cost that much waiting."""
    room.take()
    assert room.lane.hidden[0] == ("doc_1", int(LEASE.total_seconds()))

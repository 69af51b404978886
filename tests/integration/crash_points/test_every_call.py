"""Q-20, Q-21: one job's whole path through intake and worker, with the n-th AWS call failing, for every n until none is left to fail.

After each crash a new process takes over, as Lambda, SQS and ECS give one; then everything is checked. The number of points is printed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from antiphon.documents.dynamo import DynamoPages
from antiphon.documents.model import Page
from antiphon.documents.take import TakeDocument
from antiphon.platform.request import Caller
from antiphon.platform.table import Table
from antiphon.speech.arrive import Arrival
from antiphon.speech.model import Kind, Status
from antiphon.speech.submit import FileToCome, NewJob, upload_key
from antiphon.work.process import own_folder
from tests.faults import KINDS, Crash, Faults
from tests.integration.crash_points.world import (
    LEASE,
    RESULTS,
    SENTENCES,
    UPLOADS,
    Script,
    Voice,
    World,
    check_events,
)
from tests.unit.speech.conftest import wav


@pytest.fixture
def faults(monkeypatch: pytest.MonkeyPatch) -> Faults:
    return Faults(monkeypatch)


def every_point(faults: Faults, run: Callable[[int], None]) -> int:
    """run once for each call and kind of fault, until a run ends without having met its fault; gives the number of points."""
    points = number = 0
    for kind in KINDS:
        at = 1
        while True:
            number += 1
            faults.arm(at, kind)
            run(number)
            if not faults.struck:
                break
            points, at = points + 1, at + 1
    return points


def survive(faults: Faults, step: Callable[[], object]) -> bool:
    """Whether the step came to its end; False when the process died in it."""
    try:
        with faults.watched():
            step()
    except Crash:
        return False
    return True


def test_a_transcription_survives_a_fault_at_every_call(
    world: World, faults: Faults, capsys: pytest.CaptureFixture[str]
) -> None:
    """Q-10, Q-11, Q-16, Q-20, Q-21"""

    def run(number: int) -> None:
        caller = Caller(f"usr_{number:026d}", "free")
        job, arrival = world.uploaded(caller, wav(), metadata={"run": number})
        engine = Script()
        work = world.transcribing(engine)
        while not survive(faults, lambda: world.arrive(arrival)):
            pass
        world.dispatch(job)
        for _ in range(20):
            more = True

            def step() -> None:
                nonlocal more
                more = world.work_once(work)

            if survive(faults, step) and not more:
                break
            world.pass_time(5 if more else 0)
            if faults.struck:  # the dead worker's lease must end before another may have the job
                world.pass_time(int(LEASE.total_seconds()))
                own_folder(world.folder)
        done = world.store.get(job.user_id, Kind.TRANSCRIPTION, job.id)
        assert done is not None
        assert (done.status, done.error) == (Status.SUCCEEDED, None), (faults.struck, faults.kind, faults.at)
        found = [(n.index, n.segment.text) for n in world.store.segments(job.id)]
        assert found == [(0, "until 30"), (1, "and on"), (2, "until 90"), (3, "and on")]
        assert done.attempts <= 2
        assert all(times <= 2 for times in engine.heard.values()), "a chunk was computed more than twice"
        assert sum(engine.heard.values()) <= 4, "more than one chunk was computed twice"
        check_events(world, done)
        depth = world.sqs.get_queue_attributes(QueueUrl=world.url, AttributeNames=["All"])["Attributes"]
        assert depth["ApproximateNumberOfMessages"] == depth["ApproximateNumberOfMessagesNotVisible"] == "0"
        assert world.keys(UPLOADS) == [arrival.key]
        assert [list(own.iterdir()) for own in world.folder.iterdir()] == [[]]
        world.objects.delete_prefix(UPLOADS, "")

    points = every_point(faults, run)
    with capsys.disabled():
        print(f"\nintake and transcriber: {points} points of failure tried")
    assert points > 30


def test_speech_survives_a_fault_at_every_call(
    world: World, faults: Faults, capsys: pytest.CaptureFixture[str]
) -> None:
    """Q-10, Q-11, Q-16, Q-20, Q-21"""
    whole: list[bytes] = []

    def run(number: int) -> None:
        caller = Caller(f"usr_{number:026d}", "free")
        engine = Voice()
        job = world.submit.speech(
            caller, NewJob(text=" ".join(SENTENCES), options={"voice": "any", "format": "wav"})
        ).job
        world.dispatch(job)
        work = world.synthesizing(engine)
        for _ in range(20):
            more = True

            def step() -> None:
                nonlocal more
                more = world.work_once(work)

            if survive(faults, step) and not more:
                break
            world.pass_time(5 if more else 0)
            if faults.struck:
                world.pass_time(int(LEASE.total_seconds()))
        done = world.store.get(job.user_id, Kind.SPEECH, job.id)
        assert done is not None
        assert (done.status, done.error) == (Status.SUCCEEDED, None), (faults.struck, faults.kind, faults.at)
        assert [m.index for m in world.store.marks(job.id)] == [0, 1, 2]
        assert sum(engine.spoken.values()) <= len(SENTENCES) + 1, "more than one sentence was spoken twice"
        audio = world.objects.read(RESULTS, done.result["key"])
        whole.append(audio)
        assert audio == whole[0]
        check_events(world, done)
        leftovers = [k for k in world.keys(RESULTS) if k != done.result["key"]]
        assert all(k.startswith(("parts/", f"speech/{job.user_id}/{job.id}/")) for k in leftovers)
        depth = world.sqs.get_queue_attributes(QueueUrl=world.url, AttributeNames=["All"])["Attributes"]
        assert depth["ApproximateNumberOfMessages"] == depth["ApproximateNumberOfMessagesNotVisible"] == "0"
        assert list(world.folder.iterdir()) == []
        world.objects.delete_prefix(RESULTS, "")

    points = every_point(faults, run)
    with capsys.disabled():
        print(f"\nsynthesizer: {points} points of failure tried")
    assert points > 40


class Book:
    format = "pdf"

    def __iter__(self) -> Iterator[Page]:
        yield from (Page(number, f"page {number}") for number in range(1, 4))


@contextmanager
def opened(path: Path, filename: str) -> Iterator[Book]:
    assert path.read_bytes() == b"%PDF-"
    yield Book()


def test_a_document_survives_a_fault_at_every_call(
    world: World, table: Table, faults: Faults, capsys: pytest.CaptureFixture[str]
) -> None:
    """Q-10, Q-11, Q-16, Q-20, Q-21"""
    pages = DynamoPages(table)

    def run(number: int) -> None:
        file = FileToCome("a.pdf", "application/pdf", 10_000)
        job = world.submit.document(Caller(f"usr_{number:026d}", "free"), NewJob(), file)
        key = upload_key(job.user_id, job.id)
        version = world.s3.put_object(Bucket=UPLOADS, Key=key, Body=b"%PDF-")["VersionId"]
        arrival = Arrival(UPLOADS, key, world.now, f"{number:08X}", version)
        while not survive(faults, lambda: world.arrive(arrival)):
            pass
        world.dispatch(job)
        work = TakeDocument(
            store=world.store,
            pages=pages,
            objects=world.objects,
            open=opened,
            work_dir=world.folder,
            clock=world.clock,
            batch=2,
        )
        for _ in range(20):
            more = True

            def step() -> None:
                nonlocal more
                more = world.work_once(work)

            if survive(faults, step) and not more:
                break
            world.pass_time(5 if more else 0)
            if faults.struck:
                world.pass_time(int(LEASE.total_seconds()))
        done = world.store.get(job.user_id, Kind.DOCUMENT, job.id)
        assert done is not None
        assert (done.status, done.error) == (Status.SUCCEEDED, None), (faults.struck, faults.kind, faults.at)
        assert list(pages.pages(job.id)) == list(Book())
        assert done.attempts <= 2
        check_events(world, done)
        assert list(world.folder.iterdir()) == []
        world.objects.delete_prefix(UPLOADS, "")

    points = every_point(faults, run)
    with capsys.disabled():
        print(f"\nintake and reader: {points} points of failure tried")
    assert points > 20

"""Q-20, Q-21: one job's whole path through intake and worker, with the n-th AWS call failing, for every n until none is left to fail.

After each crash a new process takes over, as Lambda, SQS and ECS give one; then everything is checked. The number of points is printed.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import numpy as np
import pytest

from antiphon.documents.dynamo import DynamoPages
from antiphon.documents.model import Page
from antiphon.documents.take import TakeDocument
from antiphon.engines.ports import Segment, Spoken, TranscribedChunk, TranscriptionOptions
from antiphon.identity.dynamo import DynamoUsers
from antiphon.media.encode import Encoder
from antiphon.media.items_dynamo import DynamoMediaStore
from antiphon.platform.audit_dynamo import DynamoAuditLog
from antiphon.platform.outbox import EventRow
from antiphon.platform.request import Caller
from antiphon.platform.table import Table
from antiphon.speech.arrive import Arrival, Arrive
from antiphon.speech.dynamo import DynamoJobStore
from antiphon.speech.metering import contribution, month_of
from antiphon.speech.model import Job, Kind, Status
from antiphon.speech.recordings import Recordings
from antiphon.speech.s3 import S3Objects, s3_client
from antiphon.speech.submit import FileToCome, NewJob, Submit, upload_key
from antiphon.speech.synthesize import Synthesize
from antiphon.speech.transcribe import Transcribe
from antiphon.work.heartbeat import Heartbeat
from antiphon.work.inbox import Held
from antiphon.work.process import own_folder
from antiphon.work.protection import NoProtection
from antiphon.work.queue import Message, SqsLane
from antiphon.work.worker import Work, Worker
from tests.contract.conftest import REGION
from tests.faults import KINDS, Crash, Faults
from tests.unit.speech.conftest import wav

LEASE = timedelta(seconds=60)
UPLOADS, RESULTS = "uploads-bucket", "results-bucket"
LOG = logging.getLogger("crash-points")
SENTENCES = ("One sentence.", "And another.", "The last.")


class Script:
    """A transcriber that hears the same three chunks in every recording; ``heard`` counts how often each was computed."""

    name = "script 1"

    def __init__(self) -> None:
        self.heard: dict[float, int] = {}

    def warm_up(self) -> None:
        return

    def unmet(self, options: TranscriptionOptions) -> tuple[str, ...]:
        return ()

    def transcribe(
        self, audio: Any, options: TranscriptionOptions, *, offset: float = 0.0
    ) -> Iterator[TranscribedChunk]:
        for end in (30.0, 60.0, 90.0):
            if end > offset:
                self.heard[end] = self.heard.get(end, 0) + 1
                said = (Segment(end - 20, end - 10, f"until {end:g}"), Segment(end - 9, end - 1, "and on"))
                yield TranscribedChunk(end, () if end == 60.0 else said, "en")


class Voice:
    """A synthesizer that says each sentence as so many samples as it has characters."""

    name = "script 1"
    sample_rate = 16_000

    def __init__(self) -> None:
        self.spoken: dict[str, int] = {}

    def warm_up(self) -> None:
        return

    def unmet(self, voice: str, language: str | None) -> tuple[str, ...]:
        return ()

    def split(self, text: str, language: str | None) -> Sequence[str]:
        return [part + "." for part in text.split(".") if part.strip()]

    def speak(self, sentence: str, **how: Any) -> Spoken:
        self.spoken[sentence] = self.spoken.get(sentence, 0) + 1
        return Spoken(sentence, np.arange(len(sentence) * 160, dtype=np.int16))


class Decoded:
    duration = 90.0
    decoded = 90.0
    warnings: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[np.ndarray]:
        yield np.zeros(16_000, np.float32)


@contextmanager
def decoded(path: Path, start: float) -> Iterator[Decoded]:
    assert path.read_bytes()[:4] == b"RIFF"
    yield Decoded()


class ImpatientLane(SqsLane):
    """Time passes on the test's clock: what is hidden is visible again at once."""

    def __init__(self, client: Any, url: str, passed: Callable[[int], None]) -> None:
        super().__init__(client, "standard", url, 0)
        self._passed = passed

    def hide(self, message: Message, seconds: int) -> None:
        super().hide(message, 0)
        self._passed(seconds)


class World:
    """One account under moto, and the processes that come and go in it."""

    def __init__(self, table: Table, folder: Path) -> None:
        self.now = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
        self.folder = folder
        self.sqs = boto3.client("sqs", region_name=REGION)
        self.url = self.sqs.create_queue(QueueName="lane")["QueueUrl"]
        s3 = s3_client(REGION)
        for bucket in (UPLOADS, RESULTS):
            s3.create_bucket(Bucket=bucket)
            s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        self.s3 = s3
        self.clock = lambda: self.now
        self.store = DynamoJobStore(table)
        self.objects = S3Objects(s3, self.clock)
        self.events = table.bind(EventRow)
        self.submit = Submit(
            jobs=self.store,
            media=DynamoMediaStore(table),
            objects=self.objects,
            uploads_bucket=UPLOADS,
            clock=self.clock,
        )
        self.arrive = Arrive(
            jobs=self.store,
            media=DynamoMediaStore(table),
            objects=self.objects,
            users=DynamoUsers(table),
            audit=DynamoAuditLog(table),
            clock=self.clock,
        )
        self.lane = ImpatientLane(self.sqs, self.url, self.pass_time)

    def pass_time(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    def dispatch(self, job: Job) -> None:
        """What the publisher does with each event that says so."""
        for row in self.events.query(f"events#{job.user_id}"):
            if row.dispatch:
                body = {"user_id": job.user_id, "kind": job.kind.value, "job_id": job.id}
                self.sqs.send_message(QueueUrl=self.url, MessageBody=json.dumps(body))

    def work_once(self, work: Work) -> bool:
        """A fresh worker handles what the lane gives it; False when the lane is empty."""
        message = self.lane.receive(0)
        if message is None:
            return False
        worker = Worker(
            lanes=[], store=self.store, work=work, lease=LEASE, clock=self.clock, protection=NoProtection(), logger=LOG
        )
        heartbeat = Heartbeat(self.lane, message, self.store, lease=LEASE, clock=self.clock, logger=LOG)
        worker.handle(Held(self.lane, message, heartbeat, self.now))
        return True

    def keys(self, bucket: str) -> list[str]:
        return [o["Key"] for o in self.s3.list_objects_v2(Bucket=bucket).get("Contents", [])]


@pytest.fixture
def world(table: Table, tmp_path: Path) -> World:
    return World(table, tmp_path)


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


def check_events(world: World, job: Job) -> None:
    """One event per change, one end, and the row agrees with the last."""
    rows = list(world.events.query(f"events#{job.user_id}"))
    sequences = [row.data["sequence"] for row in rows]
    assert len(set(sequences)) == len(sequences)
    assert len([r for r in rows if r.type.endswith(("succeeded", "failed", "canceled"))]) == 1
    assert rows[-1].type.endswith("succeeded")
    assert rows[-1].data["sequence"] == job.version
    # what was counted is what the job counts for, to the millisecond.
    assert world.store.usage(job.user_id, month_of(job)) == contribution(job)


def test_a_transcription_survives_a_fault_at_every_call(
    world: World, faults: Faults, capsys: pytest.CaptureFixture[str]
) -> None:
    """Q-10, Q-11, Q-16, Q-20, Q-21"""

    def run(number: int) -> None:
        caller = Caller(f"usr_{number:026d}", "free")
        new = NewJob(file=FileToCome("talk.wav", "audio/wav", 10_000), metadata={"run": number})
        job = world.submit.transcription(caller, new).job
        key = upload_key(job.user_id, job.id)
        version = world.s3.put_object(Bucket=UPLOADS, Key=key, Body=wav())["VersionId"]
        arrival = Arrival(UPLOADS, key, world.now, f"{number:08X}", version)
        engine = Script()
        recordings = Recordings(
            store=world.store,
            objects=world.objects,
            decode=decoded,
            work_dir=own_folder(world.folder),
            clock=world.clock,
        )
        work = Transcribe(store=world.store, recordings=recordings, engine=engine, diarizer=None, clock=world.clock)
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
        assert world.keys(UPLOADS) == [key]
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
        work = Synthesize(
            store=world.store,
            objects=world.objects,
            engine=engine,
            encoders=Encoder,
            results_bucket=RESULTS,
            voice_for=lambda language: "any",
            max_characters=1000,
            work_dir=world.folder,
            clock=world.clock,
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

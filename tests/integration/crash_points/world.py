"""One account under moto with the whole path of a job in it; time passes on the clock of the test."""

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
from antiphon.speech.model import Job
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

    def transcribing(self, engine: Script) -> Transcribe:
        """The work of a transcriber that has just been started."""
        recordings = Recordings(
            store=self.store,
            objects=self.objects,
            decode=decoded,
            work_dir=own_folder(self.folder),
            clock=self.clock,
        )
        return Transcribe(store=self.store, recordings=recordings, engine=engine, diarizer=None, clock=self.clock)

    def synthesizing(self, engine: Voice) -> Synthesize:
        return Synthesize(
            store=self.store,
            objects=self.objects,
            engine=engine,
            encoders=Encoder,
            results_bucket=RESULTS,
            voice_for=lambda language: "any",
            max_characters=1000,
            work_dir=self.folder,
            clock=self.clock,
        )

    def uploaded(self, caller: Caller, body: bytes, **new: Any) -> tuple[Job, Arrival]:
        """A transcription whose recording lies in the bucket, and what tells of it."""
        job = self.submit.transcription(caller, NewJob(file=FileToCome("talk.wav", "audio/wav", 10_000), **new)).job
        key = upload_key(job.user_id, job.id)
        version = self.s3.put_object(Bucket=UPLOADS, Key=key, Body=body)["VersionId"]
        return job, Arrival(UPLOADS, key, self.now, f"{1:08X}", version)

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

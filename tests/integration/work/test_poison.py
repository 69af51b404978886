"""A job that kills whoever works on it: its worker never gets to say so, the dead letter does."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3

from antiphon.platform.outbox import EventRow, event_of_row
from antiphon.platform.table import Table
from antiphon.speech import model
from antiphon.speech.dynamo import DynamoJobStore
from antiphon.speech.lanes import SqsLanes
from antiphon.speech.model import Job, Kind, Source, Status
from antiphon.speech.sweep import SweepJobs
from antiphon.work.heartbeat import Heartbeat
from antiphon.work.inbox import Held
from antiphon.work.lease import Lease
from antiphon.work.protection import NoProtection
from antiphon.work.queue import SqsLane
from antiphon.work.worker import Worker
from tests.contract.conftest import REGION

START = datetime(2026, 11, 20, 12, tzinfo=UTC)
LEASE = timedelta(seconds=60)
LOG = logging.getLogger("poison")
RECEIVES = 5
"""As the lanes of messaging.yaml; tests/infra/test_queues.py holds that they have no fewer."""


class Dead(BaseException):
    """As by a fault of the memory: no handler of ours sees it."""


class Work:
    """The first job ends the process, all others are done."""

    def __init__(self, store: DynamoJobStore, poison: str) -> None:
        self.store, self.poison, self.deaths = store, poison, 0

    def prepare(self, job: Job) -> None:
        return

    def discard(self, prepared: Any) -> None:
        return

    def remaining(self) -> float | None:
        return None

    def run(self, job: Job, lease: Lease, prepared: Any) -> None:
        if job.id == self.poison:
            self.deaths += 1
            raise Dead
        self.store.apply(model.finish(job, owner=lease.owner, now=job.started_at or START))


def test_it_fails_after_as_many_deliveries_as_the_lane_allows_and_the_others_are_done(table: Table) -> None:
    """Q-23, Q-40: its owner's other job is not kept waiting for the turn that the dead worker held."""
    sqs: Any = boto3.client("sqs", region_name=REGION)
    dead = sqs.create_queue(QueueName="dead")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": RECEIVES})
    url = sqs.create_queue(QueueName="speech", Attributes={"RedrivePolicy": policy})["QueueUrl"]
    now = [START]
    store = DynamoJobStore(table)
    jobs = []
    for number, user in enumerate(("usr_1", "usr_2", "usr_1")):
        source = Source("b", "k", sequencer="01")
        job = Job(f"job_{number:026d}", Kind.SPEECH, user, Status.QUEUED, START, source=source)
        store.apply(model.create(job, START))
        jobs.append(job)
    work = Work(store, jobs[0].id)
    lane = SqsLane(sqs, "standard", url, 0)  # time is the test's: what is not deleted is there again at once

    def send(job: Job) -> None:
        sqs.send_message(
            QueueUrl=url, MessageBody=json.dumps({"user_id": job.user_id, "kind": "speech", "job_id": job.id})
        )

    def deliver() -> bool:
        """By a worker that is new, where the one before it died. False for an empty lane."""
        message = lane.receive(0)
        if message is None:
            return False
        worker = Worker(
            lanes=[], store=store, work=work, lease=LEASE, clock=lambda: now[0], protection=NoProtection(), logger=LOG
        )
        heartbeat = Heartbeat(lane, message, store, lease=LEASE, clock=lambda: now[0], logger=LOG)
        try:
            worker.handle(Held(lane, message, heartbeat, now[0]))
        except Dead:
            now[0] += LEASE
        return True

    for job in jobs[:2]:
        send(job)
    for _ in range(4 * RECEIVES):
        if not deliver():
            break
    lanes = SqsLanes(sqs, queues={(Kind.SPEECH, "standard"): url}, dead_letters={(Kind.SPEECH, "standard"): dead})
    sweep = SweepJobs(jobs=store, lanes=lanes, clock=lambda: now[0])
    (letter,) = lanes.dead_jobs()
    assert sweep.dead(letter.user_id, letter.kind, letter.job_id) == "failed"

    failed, done = (store.get(job.user_id, job.kind, job.id) for job in jobs[:2])
    assert failed
    assert failed.error
    assert (failed.status, failed.error.code, failed.attempts) == (Status.FAILED, "worker_crashed", RECEIVES)
    assert work.deaths == RECEIVES
    assert done
    assert (done.status, done.attempts) == (Status.SUCCEEDED, 1)
    rows = table.bind(EventRow)
    ends = [e for e in map(event_of_row, rows.query("events#usr_1")) if e.data["status"] == "failed"]
    assert [(e.type, e.data["id"], e.frees) for e in ends] == [("speech.failed", failed.id, "speech")]
    send(jobs[2])
    assert deliver()
    after = store.get("usr_1", Kind.SPEECH, jobs[2].id)
    assert after
    assert after.status is Status.SUCCEEDED

"""T-09: what an earlier release wrote down, this one finishes. The rows and messages of each were written by its own code and stay as they are.

A release that writes something new adds a file; none is written anew.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest

from antiphon.platform.outbox import event_of_image
from antiphon.platform.table import Table
from antiphon.speech import model
from antiphon.speech.dynamo import DynamoJobStore
from antiphon.speech.model import Checkpoint, Kind, Source, Status
from antiphon.webhooks.model import Errand
from antiphon.work.queue import message_of
from tests.contract.conftest import REGION

USER = "usr_01J0000000000000000000000A"
QUEUED, RUNNING, AWAITED = (f"job_01J0000000000000000000000{number}" for number in (1, 2, 3))
NOW = datetime(2026, 11, 27, tzinfo=UTC)
LEASE = timedelta(seconds=60)


@pytest.fixture(params=sorted(Path(__file__).with_name("releases").glob("*.json")), ids=lambda path: path.stem)
def written(request: pytest.FixtureRequest) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(request.param.read_text("utf-8"))
    return found


@pytest.fixture
def store(table: Table, written: dict[str, Any]) -> DynamoJobStore:
    client = boto3.client("dynamodb", region_name=REGION)
    for row in written["rows"]:
        client.put_item(TableName=table.name, Item=row)
    return DynamoJobStore(table)


def taken(store: DynamoJobStore, kind: Kind, job_id: str) -> model.Job:
    job = store.get(USER, kind, job_id)
    assert job
    claim = model.claim(job, owner="new", message_id="m", lease=LEASE, now=NOW)
    store.apply(claim)
    return claim.after


def test_a_job_that_waits_is_taken_and_ends(store: DynamoJobStore) -> None:
    job = taken(store, Kind.SPEECH, QUEUED)
    store.apply(model.finish(job, owner="new", now=NOW, duration=1.0))
    done = store.get(USER, Kind.SPEECH, QUEUED)
    assert done
    assert (done.status, done.metadata, done.request_id) == (Status.SUCCEEDED, {"note": "kept"}, "req-1")
    assert done.callback_url == "https://example.com/hook"


def test_a_job_that_an_old_worker_left_goes_on_where_it_was(store: DynamoJobStore) -> None:
    job = taken(store, Kind.TRANSCRIPTION, RUNNING)
    assert (job.checkpoint, job.progress, job.language, job.attempts) == (Checkpoint(30.5, 2), 40, "de", 2)
    (chunk,) = store.chunks(RUNNING)
    assert [segment.text for segment in chunk.segments] == ["Guten Tag.", "Schön."]
    assert chunk.segments[0].words[1].start == 0.8
    store.apply(model.finish(job, owner="new", now=NOW))


def test_an_upload_that_was_begun_arrives(store: DynamoJobStore) -> None:
    job = store.get(USER, Kind.TRANSCRIPTION, AWAITED)
    assert job
    arrived = model.arrive(job, Source("uploads", "uploads/x", "v9", "0B"), NOW)
    assert arrived
    store.apply(arrived)


def test_an_event_that_is_still_in_the_stream_is_told(written: dict[str, Any]) -> None:
    events = [event_of_image(row) for row in written["rows"] if row["row"]["S"] == "event"]
    assert {(event.type, event.request_id) for event in events} >= {
        ("speech.queued", "req-1"),
        ("transcription.started", "req-1"),
        ("transcription.progress", "req-1"),
    }
    assert [event.dispatch.job_id for event in events if event.dispatch and event.type == "speech.queued"] == [QUEUED]


def test_messages_that_still_wait_are_understood(written: dict[str, Any]) -> None:
    record = {"messageId": "m", "receiptHandle": "r", "attributes": {"ApproximateReceiveCount": "1"}}
    message = message_of({**record, "body": written["messages"]["lane"]})
    assert (message.user_id, message.kind, message.job_id) == (USER, Kind.TRANSCRIPTION, RUNNING)
    errand = Errand(**json.loads(written["messages"]["delivery"]))
    assert (errand.user_id, errand.endpoint_id, errand.event_id, errand.attempt) == (USER, "callback", "evt_1", 2)

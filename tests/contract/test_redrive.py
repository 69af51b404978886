"""Dead letters go back to work, with the job behind them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest

from antiphon.platform.errors import Conflict
from antiphon.platform.redrive import redrive, send_back
from antiphon.speech import model
from antiphon.speech.again import RetryDead
from antiphon.speech.memory import MemoryJobStore
from antiphon.speech.model import Failure, Job, Kind, Source, Status
from tests.contract.conftest import REGION

NOW = datetime(2026, 11, 20, tzinfo=UTC)
LEASE = timedelta(seconds=60)


@pytest.fixture
def sqs(aws: None) -> Any:
    return boto3.client("sqs", region_name=REGION)


def queue(sqs: Any, name: str) -> str:
    return str(sqs.create_queue(QueueName=name)["QueueUrl"])


def test_letters_go_back_with_body_attributes_and_group(sqs: Any) -> None:
    dead, source = queue(sqs, "dead"), queue(sqs, "source")
    note = {"request_id": {"DataType": "String", "StringValue": "req_1"}}
    for number in range(23):
        sqs.send_message(QueueUrl=dead, MessageBody=f"m{number}", MessageAttributes=note, MessageGroupId="usr_1")
    assert redrive(sqs, dead, lambda message: send_back(sqs, source, message)) == 23
    found: list[dict[str, Any]] = []
    while got := sqs.receive_message(
        QueueUrl=source, MaxNumberOfMessages=10, MessageAttributeNames=["All"], MessageSystemAttributeNames=["All"]
    ).get("Messages"):
        found += got
    assert sorted(m["Body"] for m in found) == sorted(f"m{n}" for n in range(23))
    assert all(m["MessageAttributes"]["request_id"]["StringValue"] == "req_1" for m in found)
    assert all(m["Attributes"]["MessageGroupId"] == "usr_1" for m in found)
    assert redrive(sqs, dead, lambda message: send_back(sqs, source, message)) == 0


def test_a_letter_that_cannot_be_sent_stays(sqs: Any) -> None:
    dead = queue(sqs, "dead")
    sqs.send_message(QueueUrl=dead, MessageBody="m")

    def refuse(message: dict[str, Any]) -> None:
        raise ConnectionError

    with pytest.raises(ConnectionError):
        redrive(sqs, dead, refuse)
    depth = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["All"])["Attributes"]
    assert depth["ApproximateNumberOfMessagesNotVisible"] == "1"


def job(status: Status) -> Job:
    source = Source("b", "k", sequencer="01")
    queued = model.create(Job("job_1", Kind.SPEECH, "usr_1", Status.QUEUED, NOW, source=source), NOW).after
    if status is Status.RUNNING:
        return model.claim(queued, owner="w", message_id="m", lease=LEASE, now=NOW).after
    if status is Status.FAILED:
        return model.fail(queued, Failure("worker_crashed", "It crashed."), NOW).after
    return queued if status is Status.QUEUED else replace(queued, status=status)


@pytest.mark.parametrize(
    ("status", "moved"),
    [
        (Status.FAILED, True),
        (Status.QUEUED, True),
        (Status.RUNNING, True),
        (Status.SUCCEEDED, False),
        (Status.CANCELED, False),
        (Status.EXPIRED, False),
    ],
)
def test_only_a_job_that_can_go_on_goes_to_its_lane_again(status: Status, moved: bool) -> None:
    store = MemoryJobStore()
    store.apply(model.Change(None, job(status)))
    again = RetryDead(jobs=store, clock=lambda: NOW + 2 * LEASE)
    assert again("usr_1", Kind.SPEECH, "job_1") is moved
    assert [bool(e.dispatch) for e in store.events] == ([True] if moved else [])
    assert not again("usr_1", Kind.SPEECH, "job_gone")


def test_a_job_under_a_live_lease_is_left_to_its_worker() -> None:
    store = MemoryJobStore()
    store.apply(model.Change(None, job(Status.RUNNING)))
    assert not RetryDead(jobs=store, clock=lambda: NOW)("usr_1", Kind.SPEECH, "job_1")
    with pytest.raises(Conflict):
        model.claim(job(Status.RUNNING), owner="x", message_id="n", lease=LEASE, now=NOW)

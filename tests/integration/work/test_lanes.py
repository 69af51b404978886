"""T-03: what every lane promises, the fake and the one in SQS."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Protocol

import boto3
import pytest

from antiphon.speech.model import Kind
from antiphon.work.inbox import POLL
from antiphon.work.memory import MemoryLane
from antiphon.work.queue import Lane, Message, MessageLost, Refused, SqsLane, sqs_client
from tests.contract.conftest import REGION


class Rig(Protocol):
    lane: Lane

    def send(self, job_id: str) -> None: ...

    def waiting(self) -> int: ...


class MemoryRig:
    def __init__(self) -> None:
        now = datetime(2026, 11, 20, tzinfo=UTC)
        self.lane: Lane = MemoryLane("standard", lambda: now)

    def send(self, job_id: str) -> None:
        assert isinstance(self.lane, MemoryLane)
        message = Message(f"msg-{job_id}", "", "usr_1", Kind.TRANSCRIPTION, job_id, "req-1")
        self.lane.send(message)

    def waiting(self) -> int:
        assert isinstance(self.lane, MemoryLane)
        return self.lane.waiting


class SqsRig:
    def __init__(self) -> None:
        self.sqs = boto3.client("sqs", region_name=REGION)
        self.url = self.sqs.create_queue(QueueName="lane")["QueueUrl"]
        self.lane: Lane = SqsLane(sqs_client(REGION), "standard", self.url, 60)

    def send(self, job_id: str) -> None:
        body = {"user_id": "usr_1", "kind": "transcription", "job_id": job_id}
        attributes: Any = {"request_id": {"DataType": "String", "StringValue": "req-1"}}
        self.sqs.send_message(QueueUrl=self.url, MessageBody=json.dumps(body), MessageAttributes=attributes)

    def waiting(self) -> int:
        found = self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=["All"])["Attributes"]
        return int(found["ApproximateNumberOfMessages"]) + int(found["ApproximateNumberOfMessagesNotVisible"])


@pytest.fixture(params=["memory", "sqs"])
def rig(request: pytest.FixtureRequest) -> Iterator[Rig]:
    if request.param == "memory":
        yield MemoryRig()
    else:
        request.getfixturevalue("aws")
        yield SqsRig()


def received(rig: Rig) -> Message:
    message = rig.lane.receive(0)
    assert message is not None
    return message


def test_a_message_says_whose_job_it_is_and_which_request_asked_for_it(rig: Rig) -> None:
    """O-02"""
    rig.send("trn_1")
    message = received(rig)
    assert (message.user_id, message.kind, message.job_id) == ("usr_1", Kind.TRANSCRIPTION, "trn_1")
    assert (message.request_id, message.receives) == ("req-1", 1)


def test_an_empty_lane_gives_nothing(rig: Rig) -> None:
    assert rig.lane.receive(0) is None


def test_a_received_message_is_hidden_and_one_given_back_is_not(rig: Rig) -> None:
    rig.send("trn_1")
    first = received(rig)
    assert rig.lane.receive(0) is None
    rig.lane.hide(first, 60)
    assert rig.lane.receive(0) is None
    rig.lane.hide(first, 0)
    again = received(rig)
    assert (again.id, again.job_id, again.receives) == (first.id, "trn_1", 2)


def test_one_message_is_received_at_a_time(rig: Rig) -> None:
    rig.send("trn_1")
    rig.send("trn_2")
    assert {received(rig).job_id, received(rig).job_id} == {"trn_1", "trn_2"}


def test_a_deleted_message_is_gone_and_may_be_deleted_again(rig: Rig) -> None:
    rig.send("trn_1")
    message = received(rig)
    rig.lane.delete(message)
    rig.lane.delete(message)
    assert rig.waiting() == 0


def test_hiding_a_deleted_message_says_that_it_is_lost(rig: Rig) -> None:
    """Q-14"""
    rig.send("trn_1")
    message = received(rig)
    rig.lane.delete(message)
    with pytest.raises(MessageLost):
        rig.lane.hide(message, 60)


@pytest.fixture
def stubbed(aws: None) -> Iterator[tuple[SqsLane, Any]]:
    from botocore.stub import Stubber

    client = sqs_client(REGION)
    with Stubber(client) as stub:
        yield SqsLane(client, "standard", "https://queue.invalid/lane", 60), stub


MESSAGE = Message("m", "receipt", "usr_1", Kind.TRANSCRIPTION, "trn_1")


@pytest.mark.parametrize(
    "code",
    [
        "ReceiptHandleIsInvalid",
        "MessageNotInflight",
        "AWS.SimpleQueueService.MessageNotInflight",
        "InvalidParameterValue",
    ],
)
def test_every_name_of_a_lost_message_is_known(stubbed: tuple[SqsLane, Any], code: str) -> None:
    """Q-14"""
    lane, stub = stubbed
    stub.add_client_error("change_message_visibility", code)
    with pytest.raises(MessageLost):
        lane.hide(MESSAGE, 60)


def test_no_visibility_above_twelve_hours_is_asked_for(stubbed: tuple[SqsLane, Any]) -> None:
    """Q-07: the emulator would take it."""
    lane, stub = stubbed
    stub.add_response(
        "change_message_visibility",
        {},
        {"QueueUrl": "https://queue.invalid/lane", "ReceiptHandle": "receipt", "VisibilityTimeout": 43_200},
    )
    lane.hide(MESSAGE, 100_000)
    stub.assert_no_pending_responses()


def test_refused_credentials_are_told_from_other_errors(stubbed: tuple[SqsLane, Any]) -> None:
    from botocore.exceptions import ClientError

    lane, stub = stubbed
    stub.add_client_error("receive_message", "ExpiredToken")
    with pytest.raises(Refused):
        lane.receive(0)
    stub.add_client_error("receive_message", "InternalError")
    with pytest.raises(ClientError):
        lane.receive(0)


def test_a_request_is_waited_for_longer_than_a_poll_and_shorter_than_a_heartbeat(aws: None) -> None:
    """Q-14: a request that hangs is made again while the lease of a minute lasts."""
    config = sqs_client(REGION).meta.config
    assert POLL + 5 < config.read_timeout < 20

"""Q-44, D5: what is in the queues, and the way back for what they gave up."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest

from antiphon.admin.model import EVENTS, QUEUES, Depth
from antiphon.admin.queues_sqs import SqsQueues
from antiphon.platform.errors import Conflict, NotFound
from antiphon.speech.model import Kind
from tests.contract.conftest import REGION


class Place:
    """All queues of the system with their dead letters; ``retried``: jobs that were brought back."""

    def __init__(self) -> None:
        self.sqs: Any = boto3.client("sqs", region_name=REGION)
        self.urls: dict[str, str] = {}
        self.letters: dict[str, str] = {}
        self.retried: list[tuple[str, Kind, str]] = []
        for name in QUEUES:
            fifo = {"FifoQueue": "true"} if name == "pushes" else {}
            end = ".fifo" if fifo else ""
            self.letters[name] = self.make(f"{name}-dead{end}", fifo)
            arn = self.sqs.get_queue_attributes(QueueUrl=self.letters[name], AttributeNames=["QueueArn"])
            policy = {"deadLetterTargetArn": arn["Attributes"]["QueueArn"], "maxReceiveCount": 5}
            self.urls[name] = self.make(f"{name}{end}", {**fifo, "RedrivePolicy": json.dumps(policy)})
        self.events = self.make("events-dead", {})
        self.queues = SqsQueues(self.sqs, self.urls, self.again, self.events)

    def make(self, name: str, attributes: dict[str, str]) -> str:
        return str(self.sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"])

    def again(self, user_id: str, kind: Kind, job_id: str) -> bool:
        self.retried.append((user_id, kind, job_id))
        return True

    def letter(self, name: str, body: dict[str, str], **more: Any) -> None:
        self.sqs.send_message(QueueUrl=self.letters[name], MessageBody=json.dumps(body), **more)

    def back(self, name: str) -> list[dict[str, Any]]:
        found = self.sqs.receive_message(
            QueueUrl=self.urls[name], MaxNumberOfMessages=10, MessageSystemAttributeNames=["All"]
        )
        return [{**message, "Body": json.loads(message["Body"])} for message in found.get("Messages", [])]

    def depth(self, name: str) -> Depth:
        return next(depth for depth in self.queues.depths() if depth.name == name)


@pytest.fixture
def place(aws: None) -> Place:
    return Place()


def test_every_queue_is_counted_with_what_it_gave_up(place: Place) -> None:
    assert [depth.name for depth in place.queues.depths()] == [*QUEUES, EVENTS]
    for number in range(3):
        place.sqs.send_message(QueueUrl=place.urls["speech"], MessageBody=f"{number}")
    place.sqs.receive_message(QueueUrl=place.urls["speech"], MaxNumberOfMessages=1)
    place.letter("speech", {"kind": "speech"})
    place.sqs.send_message(QueueUrl=place.events, MessageBody="x")
    assert place.depth("speech") == Depth("speech", 2, 0, 1, 1)
    assert place.depth("document") == Depth("document", 0, 0, 0, 0)
    assert place.depth(EVENTS).dead_letters == 1


@pytest.mark.parametrize(
    ("queue", "body"),
    [
        ("index", {"user_id": "usr_1", "kind": "message", "parent": "conv_1", "part": "msg_1"}),
        ("runs", {"user_id": "usr_1", "kind": "run", "job_id": "run_1"}),
        ("edits", {"user_id": "usr_1", "kind": "inspection", "job_id": "med_1"}),
        ("fetch", {"user_id": "usr_1", "kind": "fetch", "job_id": "job_1"}),
        ("deliveries", {"user_id": "usr_1", "endpoint_id": "whk_1", "event_id": "evt_1"}),
        ("mails", {"kind": "reset", "user_id": "usr_1"}),
    ],
)
def test_letters_of_what_is_no_job_go_back_as_they_are(place: Place, queue: str, body: dict[str, str]) -> None:
    place.letter(queue, body, MessageGroupId="usr_1")
    assert place.queues.redrive(queue, 10) == 1
    (message,) = place.back(queue)
    assert (message["Body"], message["Attributes"]["MessageGroupId"]) == (body, "usr_1")
    assert place.retried == []
    assert place.depth(queue).dead_letters == 0


def test_a_letter_of_a_queue_with_order_keeps_its_id(place: Place) -> None:
    place.letter("pushes", {"event": "x"}, MessageGroupId="usr_1", MessageDeduplicationId="evt_1")
    assert place.queues.redrive("pushes", 10) == 1
    (message,) = place.back("pushes")
    assert message["Attributes"]["MessageDeduplicationId"] == "evt_1"


@pytest.mark.parametrize(
    ("queue", "kind"),
    [
        ("transcription", "transcription"),
        ("transcription_priority", "diarization"),
        ("speech", "speech"),
        ("speech_priority", "speech"),
        ("document", "document"),
        ("edits", "edit"),
    ],
)
def test_the_job_of_a_letter_brings_its_own_message(place: Place, queue: str, kind: str) -> None:
    place.letter(queue, {"user_id": "usr_1", "kind": kind, "job_id": "job_1"})
    assert place.queues.redrive(queue, 10) == 1
    assert place.retried == [("usr_1", Kind(kind), "job_1")]
    assert place.back(queue) == []


def test_no_more_are_moved_than_were_asked_for(place: Place) -> None:
    for number in range(5):
        place.letter("mails", {"kind": "reset", "user_id": f"usr_{number}"})
    assert place.queues.redrive("mails", 3) == 3
    assert place.depth("mails").dead_letters == 2
    assert place.queues.redrive("mails", 3) == 2


def test_what_goes_into_no_queue_is_told(place: Place) -> None:
    with pytest.raises(Conflict) as refused:
        place.queues.redrive(EVENTS, 10)
    assert refused.value.code == "not_redrivable"
    with pytest.raises(NotFound):
        place.queues.redrive("nothing", 10)

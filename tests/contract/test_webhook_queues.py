"""What goes to SQS, held against the SDK's own model of the call."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from antiphon.platform.errors import Unavailable
from antiphon.platform.events import Dispatch
from antiphon.webhooks.memory import MemoryDeliveryQueue
from antiphon.webhooks.model import CALLBACK, Errand, payload_of
from antiphon.webhooks.ports import DeliveryQueue
from antiphon.webhooks.sqs import SqsDeliveryQueue, SqsLanes

URL = "https://sqs.us-east-1.amazonaws.com/123456789012/deliveries"
ENDPOINT = "whk_01JD00000000000000000000AA"
PLANNED = Errand("usr_1", ENDPOINT, "evt_1", 2)


@pytest.fixture
def stub() -> Iterator[Stubber]:
    client = boto3.client("sqs", region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test")
    with Stubber(client) as stubber:
        yield stubber


def expect(stub: Stubber, **changes: Any) -> None:
    message = {
        "QueueUrl": URL,
        "MessageBody": json.dumps({"user_id": "usr_1", "endpoint_id": ENDPOINT, "event_id": "evt_1", "attempt": 2}),
        "DelaySeconds": 0,
        "MessageGroupId": ENDPOINT,
        "MessageAttributes": {},
    }
    stub.add_response("send_message", {"MessageId": "m"}, {**message, **changes})


def test_a_message_carries_the_trace_of_its_request(stub: Stubber) -> None:
    """O-03: as SQS has it, so that Lambda goes on with it."""
    trace = "1-5759e988-bd862e3fe1be46a994272793"
    header = {"DataType": "String", "StringValue": f"Root={trace}"}
    expect(
        stub,
        MessageAttributes={"request_id": {"DataType": "String", "StringValue": trace}},
        MessageSystemAttributes={"AWSTraceHeader": header},
    )
    SqsDeliveryQueue(stub.client, URL).send(PLANNED, request_id=trace)
    stub.assert_no_pending_responses()


@pytest.mark.parametrize(("seconds", "sent"), [(-1, 0), (0, 0), (0.2, 1), (5, 5), (5.9, 6), (899.5, 900), (900, 900)])
def test_a_delay_is_whole_seconds_and_never_early(stub: Stubber, seconds: float, sent: int) -> None:
    """W-12, Q-07."""
    expect(stub, DelaySeconds=sent)
    SqsDeliveryQueue(stub.client, URL).send(PLANNED, delay=timedelta(seconds=seconds))
    stub.assert_no_pending_responses()


@pytest.mark.parametrize("kind", ["memory", "sqs"])
def test_what_no_queue_can_hold_is_refused(stub: Stubber, kind: str) -> None:
    """Q-07: the emulator would take it, SQS would not."""
    queue: DeliveryQueue = MemoryDeliveryQueue() if kind == "memory" else SqsDeliveryQueue(stub.client, URL)
    with pytest.raises(ValueError, match="900"):
        queue.send(PLANNED, delay=timedelta(seconds=900, milliseconds=1))


def test_the_group_is_the_endpoint_or_for_callbacks_the_user(stub: Stubber) -> None:
    errand = Errand("usr_1", CALLBACK, "evt_1")
    body = json.dumps({"user_id": "usr_1", "endpoint_id": CALLBACK, "event_id": "evt_1", "attempt": 1})
    attributes = {"request_id": {"DataType": "String", "StringValue": "req-1"}}
    expect(stub, MessageBody=body, MessageGroupId="usr_1", MessageAttributes=attributes)
    SqsDeliveryQueue(stub.client, URL).send(errand, request_id="req-1")
    stub.assert_no_pending_responses()


def test_a_message_reads_back_as_the_errand_it_was() -> None:
    for errand in (PLANNED, Errand("usr_1", CALLBACK, "evt_1", manual="req_1", turn=3)):
        assert Errand(**json.loads(json.dumps(payload_of(errand)))) == errand


def test_a_lane_that_is_not_there_is_an_error(stub: Stubber) -> None:
    with pytest.raises(KeyError):
        SqsLanes(stub.client, {("speech", "standard"): URL}).send("usr_1", Dispatch("speech", "express", "job_1"))


def test_many_messages_go_in_batches_and_a_lost_one_is_said(stub: Stubber) -> None:
    """W-19."""
    errands = [Errand("usr_1", ENDPOINT, f"evt_{n}") for n in range(12)]

    def entries(part: list[Errand]) -> list[dict[str, Any]]:
        return [
            {
                "Id": str(number),
                "MessageBody": json.dumps(payload_of(errand)),
                "MessageGroupId": ENDPOINT,
                "MessageAttributes": {},
            }
            for number, errand in enumerate(part)
        ]

    good = {"Id": "0", "MessageId": "m", "MD5OfMessageBody": "x"}
    lost = {"Id": "1", "SenderFault": False, "Code": "InternalError"}
    stub.add_response(
        "send_message_batch", {"Successful": [good], "Failed": []}, {"QueueUrl": URL, "Entries": entries(errands[:10])}
    )
    stub.add_response(
        "send_message_batch",
        {"Successful": [good], "Failed": [lost]},
        {"QueueUrl": URL, "Entries": entries(errands[10:])},
    )
    with pytest.raises(Unavailable):
        SqsDeliveryQueue(stub.client, URL).send_all(errands)
    stub.assert_no_pending_responses()

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from boto3.dynamodb.types import TypeSerializer

from antiphon.platform.events import Event
from antiphon.platform.outbox import EventRow, event_row
from antiphon.platform.table import Table
from tests.contract.conftest import REGION, aws, table
from tests.integration.webhooks.functions import loaded

__all__ = ["aws", "table"]

QUEUES = {
    "DELIVERIES_QUEUE_URL": "deliveries",
    "MAILS_QUEUE_URL": "mails",
    "TRANSCRIPTION_QUEUE_URL": "transcription",
    "TRANSCRIPTION_PRIORITY_QUEUE_URL": "transcription-priority",
    "SPEECH_QUEUE_URL": "speech",
    "SPEECH_PRIORITY_QUEUE_URL": "speech-priority",
    "DOCUMENT_QUEUE_URL": "document",
    "EDITS_QUEUE_URL": "edits",
    "INDEX_QUEUE_URL": "index",
    "RUNS_QUEUE_URL": "runs",
    "FETCH_QUEUE_URL": "fetch",
    "PUSHES_QUEUE_URL": "pushes",
    "EVENTS_DEAD_LETTERS_URL": "events-dead-letters",
}


@dataclass(frozen=True)
class System:
    """publisher, delivery, webhooks: the real handlers over a real SDK; queues: URLs by name."""

    table: Table
    sqs: Any
    queues: dict[str, str]
    publisher: Callable[..., Any]
    delivery: Callable[..., Any]
    webhooks: Callable[..., Any]

    def write(self, event: Event) -> dict[str, Any]:
        """The event in the table, and the stream's record of it."""
        row = event_row(self.table.bind(EventRow), event)
        row.save()
        item = boto3.client("dynamodb", region_name=REGION).get_item(
            TableName="antiphon", Key={"pk": {"S": row.pk}, "sk": {"S": row.sk}}
        )["Item"]
        return stream_record(item, event.id)

    def waiting(self, name: str) -> list[dict[str, Any]]:
        """Takes the queue's messages as Lambda's poller shapes them."""
        records = []
        while found := self.sqs.receive_message(
            QueueUrl=self.queues[name], MaxNumberOfMessages=10, MessageAttributeNames=["All"], AttributeNames=["All"]
        ).get("Messages"):
            for message in found:
                self.sqs.delete_message(QueueUrl=self.queues[name], ReceiptHandle=message["ReceiptHandle"])
                records.append(sqs_record(message))
        return records


def stream_record(image: dict[str, Any], number: str, name: str = "INSERT") -> dict[str, Any]:
    return {
        "eventID": number,
        "eventName": name,
        "eventSource": "aws:dynamodb",
        "dynamodb": {
            "SequenceNumber": number,
            "Keys": {name: image[name] for name in ("pk", "sk") if name in image},
            "NewImage": image,
        },
    }


def image_of(item: dict[str, Any]) -> dict[str, Any]:
    return {name: TypeSerializer().serialize(value) for name, value in item.items()}


def sqs_record(message: dict[str, Any]) -> dict[str, Any]:
    attributes = {
        name: {"stringValue": value["StringValue"], "dataType": value["DataType"]}
        for name, value in message.get("MessageAttributes", {}).items()
    }
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message.get("Attributes", {}),
        "messageAttributes": attributes,
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:deliveries",
    }


@pytest.fixture
def system(table: Table, monkeypatch: pytest.MonkeyPatch) -> System:
    sqs = boto3.client("sqs", region_name=REGION)
    queues = {name: sqs.create_queue(QueueName=name)["QueueUrl"] for name in QUEUES.values()}
    for variable, name in QUEUES.items():
        monkeypatch.setenv(variable, queues[name])
    for variable, value in {
        "TABLE_NAME": "antiphon",
        "DEPLOYMENT": "antiphon",
        "ALLOW_LOCAL_CALLBACKS": "true",
        "ISSUER": "http://127.0.0.1:8000",
    }.items():
        monkeypatch.setenv(variable, value)
    key = boto3.client("kms", region_name=REGION).create_key()["KeyMetadata"]["Arn"]
    monkeypatch.setenv("SEALING_KEY_ID", key)
    monkeypatch.setenv("POWERTOOLS_DEV", "false")
    handlers = {}
    for name in ("publisher", "delivery", "webhooks"):
        with loaded(name) as module:
            handlers[name] = module.handler
            if name == "webhooks":
                # Its app imports siblings on first use, which it must find.
                module._adapter()
    return System(table, sqs, queues, **handlers)


def now() -> datetime:
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)

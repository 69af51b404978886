"""A lane as its worker sees it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from antiphon.speech.model import Kind

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
else:
    SQSClient = Any

MAX_VISIBILITY = 43_200
"""Seconds that SQS can hide a message, counted from its receive."""
_GONE = frozenset(
    {
        "ReceiptHandleIsInvalid",
        "MessageNotInflight",
        "InvalidParameterValue",
        "AWS.SimpleQueueService.MessageNotInflight",
    }
)


_REFUSED = frozenset(
    {"InvalidClientTokenId", "ExpiredToken", "ExpiredTokenException", "UnrecognizedClientException", "AccessDenied"}
)


class Refused(Exception):
    """These credentials are not taken any more: only a new process can get others."""


class MessageLost(Exception):
    """The message is not ours any more: somebody else may have it."""


@dataclass(frozen=True)
class Message:
    """``id``: the same at each receive; ``receipt``: of this one; ``receives``: how often it was received, this time included."""

    id: str
    receipt: str
    user_id: str
    kind: Kind
    job_id: str
    request_id: str | None = None
    receives: int = 1


class Lane(Protocol):
    name: str

    def receive(self, wait: int) -> Message | None:
        """At most one message, after at most so many seconds. Raises Refused."""

    def hide(self, message: Message, seconds: int) -> None:
        """Hide it for so long from now; 0 gives it back. Raises MessageLost."""

    def delete(self, message: Message) -> None: ...


class SqsLane:
    """visibility: seconds for which a received message is hidden unless it is hidden again."""

    def __init__(self, client: SQSClient, name: str, url: str, visibility: int) -> None:
        self.name = name
        self._sqs = client
        self._url = url
        self._visibility = visibility

    def receive(self, wait: int) -> Message | None:
        from botocore.exceptions import ClientError

        try:
            answer = self._sqs.receive_message(
                QueueUrl=self._url,
                MaxNumberOfMessages=1,
                WaitTimeSeconds=wait,
                VisibilityTimeout=self._visibility,
                MessageAttributeNames=["request_id"],
                MessageSystemAttributeNames=["ApproximateReceiveCount"],
            )
        except ClientError as error:
            if error.response["Error"]["Code"] in _REFUSED:
                raise Refused from error
            raise
        for found in answer.get("Messages", []):
            request = found.get("MessageAttributes", {}).get("request_id", {}).get("StringValue")
            receives = int(found["Attributes"]["ApproximateReceiveCount"])
            return _message(found["MessageId"], found["ReceiptHandle"], found["Body"], request, receives)
        return None

    def hide(self, message: Message, seconds: int) -> None:
        from botocore.exceptions import ClientError

        try:
            self._sqs.change_message_visibility(
                QueueUrl=self._url, ReceiptHandle=message.receipt, VisibilityTimeout=min(seconds, MAX_VISIBILITY)
            )
        except ClientError as error:
            if error.response["Error"]["Code"] in _GONE:
                raise MessageLost from error
            raise

    def delete(self, message: Message) -> None:
        from botocore.exceptions import ClientError

        try:
            self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message.receipt)
        except ClientError as error:
            if error.response["Error"]["Code"] not in _GONE:
                raise


def message_of(record: Mapping[str, Any]) -> Message:
    """record: as Lambda's poller gives it to a function."""
    request = record.get("messageAttributes", {}).get("request_id", {}).get("stringValue")
    receives = int(record["attributes"]["ApproximateReceiveCount"])
    return _message(record["messageId"], record["receiptHandle"], record["body"], request, receives)


def _message(message_id: str, receipt: str, text: str, request_id: str | None, receives: int) -> Message:
    body = json.loads(text)
    return Message(message_id, receipt, body["user_id"], Kind(body["kind"]), body["job_id"], request_id, receives)


def sqs_client(region: str) -> SQSClient:
    import boto3
    from botocore.config import Config

    # Longer than any long poll, and so short that a heartbeat whose request hangs makes it again while the lease lasts.
    return boto3.client(
        "sqs",
        region_name=region,
        config=Config(read_timeout=8, connect_timeout=3, retries={"mode": "standard", "total_max_attempts": 4}),
    )

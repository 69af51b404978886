"""Second looks in a queue of SQS."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from antiphon.identity.model import SecondLook

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
else:
    SQSClient = Any

LATER = timedelta(minutes=15)
"""As long as SQS can delay a message: longer than the gateway remembers a token, a request may last, or a worker needs for a chunk."""


class SqsSecondLooks:
    """url: of the erasures queue, whose visibility timeout is longer than a run of the janitor."""

    def __init__(self, client: SQSClient, url: str) -> None:
        self._sqs = client
        self._url = url

    def send(self, user_id: str) -> None:
        self._sqs.send_message(
            QueueUrl=self._url,
            MessageBody=json.dumps({"user_id": user_id}),
            DelaySeconds=int(LATER.total_seconds()),
        )

    def receive(self) -> Iterator[SecondLook]:
        """One by one, so that none is hidden for nothing when the time is up. Does not wait."""
        while messages := self._sqs.receive_message(QueueUrl=self._url, MaxNumberOfMessages=1, WaitTimeSeconds=0).get(
            "Messages"
        ):
            for message in messages:
                yield SecondLook(json.loads(message["Body"])["user_id"], message["ReceiptHandle"])

    def forget(self, look: SecondLook) -> None:
        self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=look.receipt)

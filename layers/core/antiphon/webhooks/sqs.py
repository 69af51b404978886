"""The deliveries queue and the lanes, in SQS."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from antiphon.platform.errors import Unavailable
from antiphon.platform.events import Dispatch
from antiphon.platform.trace import sent_with
from antiphon.webhooks.model import MAX_QUEUE_DELAY, Errand, payload_of

_BATCH = 10
"""Messages that SQS takes in one call."""


class SqsDeliveryQueue:
    """client: boto3's for SQS; url: of the deliveries queue."""

    def __init__(self, client: Any, url: str) -> None:
        self._client = client
        self._url = url

    def send(self, errand: Errand, *, delay: timedelta = timedelta(0), request_id: str | None = None) -> None:
        if delay > MAX_QUEUE_DELAY:
            raise ValueError("SQS delays a message by 900 seconds at most")
        delay_seconds = max(0, math.ceil(delay.total_seconds()))
        self._client.send_message(QueueUrl=self._url, DelaySeconds=delay_seconds, **_message(errand, request_id))

    def send_all(self, errands: Sequence[Errand], *, request_id: str | None = None) -> None:
        for start in range(0, len(errands), _BATCH):
            entries = [
                {"Id": str(number), **_message(errand, request_id)}
                for number, errand in enumerate(errands[start : start + _BATCH])
            ]
            if self._client.send_message_batch(QueueUrl=self._url, Entries=entries).get("Failed"):
                raise Unavailable("Not all of them could be queued; repeat.", retry_after=1)


def _message(errand: Errand, request_id: str | None) -> dict[str, Any]:
    return {
        "MessageBody": json.dumps(payload_of(errand)),
        "MessageGroupId": errand.endpoint_id if errand.endpoint_id.startswith("whk_") else errand.user_id,
        **sent_with(request_id),
    }


class SqsDeadEvents:
    """Events that could not be published: the keys of their rows, which stay where they are for 7 days."""

    def __init__(self, client: Any, url: str) -> None:
        self._client = client
        self._url = url

    def __call__(self, pk: str, sk: str, reason: str) -> None:
        body = json.dumps({"pk": pk, "sk": sk, "reason": reason})
        self._client.send_message(QueueUrl=self._url, MessageBody=body)


class SqsLanes:
    """urls: of the queue of each (kind, lane)."""

    def __init__(self, client: Any, urls: Mapping[tuple[str, str], str]) -> None:
        self._client = client
        self._urls = urls

    def send(self, user_id: str, dispatch: Dispatch, *, request_id: str | None = None) -> None:
        self._client.send_message(
            QueueUrl=self._urls[dispatch.kind, dispatch.lane],
            MessageBody=json.dumps({"user_id": user_id, "kind": dispatch.kind, "job_id": dispatch.job_id}),
            MessageGroupId=user_id,
            **sent_with(request_id),
        )

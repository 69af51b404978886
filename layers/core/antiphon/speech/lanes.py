"""The lanes as the janitor and an operator see them: state, dead letters, redrive. Sending is the publisher's business, claiming the worker's."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from antiphon.media.items import INSPECTION
from antiphon.speech.model import Kind
from antiphon.speech.outlook import Depth

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
else:
    SQSClient = Any

_DEPTH = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed")
LOOK = 30
"""Seconds for which a dead letter is hidden while it is looked at."""


@dataclass(frozen=True)
class DeadJob:
    """A job whose message was given up. ``queue``, ``receipt``: where that message is."""

    user_id: str
    kind: Kind
    job_id: str
    queue: str
    receipt: str


class SqsLanes:
    """queues, dead_letters: queue URLs by (kind, lane)."""

    def __init__(
        self,
        client: SQSClient,
        *,
        queues: Mapping[tuple[Kind, str], str],
        dead_letters: Mapping[tuple[Kind, str], str] = MappingProxyType({}),
    ) -> None:
        self._sqs = client
        self._queues = queues
        self._dead = dead_letters

    def depth(self, kind: Kind, lane: str) -> Depth:
        found = self._sqs.get_queue_attributes(QueueUrl=self._queues[kind, lane], AttributeNames=list(_DEPTH))
        waiting, in_hand, delayed = (int(found["Attributes"][name]) for name in _DEPTH)
        return Depth(waiting + delayed, in_hand)

    def look(self) -> dict[str, Depth]:
        """How full each lane is, by ``kind lane``; a queue that several kinds share comes once.

        A queue that nobody touches for six hours stops telling CloudWatch how full it is, and needs up to a quarter of an hour to begin again; workers are
        started by what it tells. One that is looked at every minute never stops.
        """
        first: dict[str, tuple[Kind, str]] = {}
        for place, url in self._queues.items():
            first.setdefault(url, place)
        return {f"{kind.value} {lane}": self.depth(kind, lane) for kind, lane in first.values()}

    def is_idle(self, kind: Kind, lane: str) -> bool:
        return self.depth(kind, lane) == Depth(0, 0)

    def dead_jobs(self, most: int = 50) -> Iterator[DeadJob]:
        """Looks at dead letters without taking them: they stay for an operator's redrive."""
        for url in dict.fromkeys(self._dead.values()):
            seen = 0
            while seen < most:
                answer = self._sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=LOOK)
                if not answer.get("Messages"):
                    break
                for message in answer["Messages"]:
                    seen += 1
                    body = json.loads(message["Body"])
                    if body["kind"] == INSPECTION:  # of no job: the item itself knows when it is to be asked for again
                        continue
                    yield DeadJob(body["user_id"], Kind(body["kind"]), body["job_id"], url, message["ReceiptHandle"])

    def forget(self, dead: DeadJob) -> None:
        """Delete the dead letter: its job has a new message."""
        self._sqs.delete_message(QueueUrl=dead.queue, ReceiptHandle=dead.receipt)

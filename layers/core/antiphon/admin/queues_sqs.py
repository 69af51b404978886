"""The queues in SQS, and their dead letters."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from antiphon.admin.model import EVENTS, LANES, Depth
from antiphon.admin.ports import Again
from antiphon.media.items import INSPECTION
from antiphon.platform.errors import Conflict, NotFound
from antiphon.platform.redrive import redrive, send_back
from antiphon.speech.model import Kind

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.literals import QueueAttributeFilterType
else:
    SQSClient = QueueAttributeFilterType = Any

_COUNTS: tuple[QueueAttributeFilterType, ...] = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesDelayed",
    "ApproximateNumberOfMessagesNotVisible",
)


class SqsQueues:
    """urls: by name; those of dead letters are read from the queues' own policies. events: of the dead letters of the table's stream."""

    def __init__(self, client: SQSClient, urls: Mapping[str, str], again: Again, events: str | None = None) -> None:
        self._sqs = client
        self._urls = urls
        self._again = again
        self._events = events

    def depths(self) -> Sequence[Depth]:
        found = []
        for name, url in self._urls.items():
            waiting, delayed, in_flight, letters = self._look(url)
            found.append(Depth(name, waiting, delayed, in_flight, sum(self._look(letters)[:3]) if letters else 0))
        if self._events:
            found.append(Depth(EVENTS, 0, 0, 0, sum(self._look(self._events)[:3])))
        return found

    def redrive(self, name: str, most: int) -> int:
        """Raises NotFound, and Conflict for letters that no queue would take."""
        if name == EVENTS:
            raise Conflict(
                "What the stream could not hand on goes into no queue; its events stay in the table for 7 days.",
                code="not_redrivable",
            )
        if name not in self._urls:
            raise NotFound("There is no such queue; GET /v1/admin/queues lists them.")
        url = self._urls[name]
        letters = self._look(url)[3]

        def again(message: dict[str, Any]) -> None:
            body = json.loads(message["Body"])
            if name in LANES and body["kind"] != INSPECTION:
                # Of a job that has failed: sent alone it would end at once, so the job brings its own new message.
                self._again(body["user_id"], Kind(body["kind"]), body["job_id"])
            else:
                send_back(self._sqs, url, message)

        return redrive(self._sqs, letters, again, most=most)

    def _look(self, url: str) -> tuple[int, int, int, str]:
        attributes = self._sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[*_COUNTS, "RedrivePolicy"])
        found = attributes["Attributes"]
        waiting, delayed, in_flight = (int(found[name]) for name in _COUNTS)
        policy = json.loads(found.get("RedrivePolicy", "{}"))
        letters = policy.get("deadLetterTargetArn", "").rpartition(":")[2]
        return waiting, delayed, in_flight, letters and f"{url.rpartition('/')[0]}/{letters}"

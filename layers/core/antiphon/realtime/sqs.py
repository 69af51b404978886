"""The queues of pushes and of questions, in SQS."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from ulid import ULID

from antiphon.platform.clock import from_rfc3339, rfc3339
from antiphon.platform.events import Event
from antiphon.platform.trace import sent_with
from antiphon.realtime.ports import News, Question, Replay


class SqsPushQueue:
    """client: boto3's for SQS; url: of the queue, which is a FIFO queue: the group is the user, and an event that is sent again soon is taken once."""

    def __init__(self, client: Any, url: str) -> None:
        self._client = client
        self._url = url

    def send(self, message: News | Replay, *, request_id: str | None = None) -> None:
        if isinstance(message, News):
            user_id, body, once = message.event.user_id, {"event": _written(message.event)}, message.event.id
        else:
            user_id, once = message.user_id, str(ULID())
            body = {"replay": {**asdict(message), "channels": sorted(message.channels)}}
        self._client.send_message(
            QueueUrl=self._url,
            MessageBody=json.dumps(body),
            MessageGroupId=user_id,
            MessageDeduplicationId=once,
            **sent_with(request_id),
        )


def push_of(body: str) -> News | Replay:
    """Raises ValueError, KeyError, TypeError for what is none."""
    found = json.loads(body)
    if "event" in found:
        event = found["event"]
        return News(Event(**{**event, "timestamp": from_rfc3339(event["timestamp"])}))
    return Replay(**{**found["replay"], "channels": frozenset(found["replay"]["channels"])})


def _written(event: Event) -> Mapping[str, Any]:
    """What is pushed of it, and to whom."""
    shown = {"id": event.id, "user_id": event.user_id, "type": event.type, "data": dict(event.data)}
    return {**shown, "timestamp": rfc3339(event.timestamp)}


class SqsQuestionQueue:
    """client: boto3's for SQS; url: of the questions queue."""

    def __init__(self, client: Any, url: str) -> None:
        self._client = client
        self._url = url

    def send(self, question: Question, *, request_id: str | None = None) -> None:
        self._client.send_message(
            QueueUrl=self._url,
            MessageBody=json.dumps(asdict(question)),
            MessageGroupId=question.user_id,
            **sent_with(request_id),
        )


def question_of(body: str) -> Question:
    """Raises ValueError, TypeError for what is none."""
    return Question(**json.loads(body))

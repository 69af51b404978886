"""The index queue, in SQS."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from antiphon.platform.trace import sent_with
from antiphon.search.model import Errand, Kind


class SqsIndexQueue:
    """client: boto3's for SQS; url: of the index queue."""

    def __init__(self, client: Any, url: str) -> None:
        self._client = client
        self._url = url

    def send(self, errand: Errand, *, request_id: str | None = None) -> None:
        self._client.send_message(
            QueueUrl=self._url,
            MessageBody=json.dumps(asdict(errand)),
            MessageGroupId=errand.user_id,
            **sent_with(request_id),
        )


def errand_of(body: str) -> Errand:
    """Raises ValueError, TypeError for what is none."""
    values = json.loads(body)
    return Errand(**{**values, "kind": Kind(values["kind"])})

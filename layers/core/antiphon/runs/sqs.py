"""The runs queue, in SQS."""

from __future__ import annotations

import json
import math
from datetime import timedelta
from typing import Any

from antiphon.platform.trace import sent_with


class SqsRunQueue:
    """client: boto3's for SQS; url: of the runs queue."""

    def __init__(self, client: Any, url: str) -> None:
        self._client = client
        self._url = url

    def send(
        self, user_id: str, run_id: str, *, delay: timedelta = timedelta(0), request_id: str | None = None
    ) -> None:
        self._client.send_message(
            QueueUrl=self._url,
            MessageBody=json.dumps({"user_id": user_id, "kind": "run", "job_id": run_id}),
            MessageGroupId=user_id,
            DelaySeconds=min(900, max(0, math.ceil(delay.total_seconds()))),
            **sent_with(request_id),
        )

"""The composition root: the only place that reads the environment."""

from __future__ import annotations

import os
import tempfile
import time
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from antiphon.media.items_dynamo import DynamoMediaStore
from antiphon.platform.clock import system_clock
from antiphon.platform.table import Table
from antiphon.platform.telemetry import make_logger
from antiphon.speech.dynamo import DynamoJobStore
from antiphon.speech.s3 import S3Objects, s3_client
from antiphon.work.protection import NoProtection
from antiphon.work.queue import Message, SqsLane, sqs_client

if TYPE_CHECKING:
    from antiphon.work.worker import Outcome

AT_THE_END = 120.0
"""Seconds that looking at the result and storing it may take."""


class Wiring:
    def __init__(self) -> None:
        env = os.environ
        region = env["AWS_REGION"]
        table = Table(env["TABLE_NAME"], region)
        self._lease = timedelta(seconds=int(env["LEASE_SECONDS"]))
        self._results = env["RESULTS_BUCKET"]
        self._logger = make_logger("editor", env.get("LOG_LEVEL", "INFO"))
        self._jobs = DynamoJobStore(table)
        self._media = DynamoMediaStore(table)
        self._objects = S3Objects(s3_client(region), system_clock)
        self._work_dir = Path(tempfile.gettempdir())
        self._lane = SqsLane(sqs_client(region), "standard", env["EDITS_QUEUE_URL"], int(self._lease.total_seconds()))

    def look(self, user_id: str, media_id: str) -> str:
        from antiphon.media.look import Look

        look = Look(media=self._media, objects=self._objects, work_dir=self._work_dir, clock=system_clock)
        return look(user_id, media_id)

    def deliver(self, message: Message, seconds_left: float) -> Outcome:
        from antiphon.media.perform import Perform
        from antiphon.work.worker import Worker

        end = time.monotonic() + seconds_left - AT_THE_END
        work = Perform(
            store=self._jobs,
            objects=self._objects,
            results_bucket=self._results,
            work_dir=self._work_dir,
            clock=system_clock,
            time_left=lambda: end - time.monotonic(),
        )
        worker = Worker(
            lanes=[self._lane],
            store=self._jobs,
            work=work,
            lease=self._lease,
            clock=system_clock,
            protection=NoProtection(),
            logger=self._logger,
        )
        return worker.deliver(self._lane, message)


@cache
def wiring() -> Wiring:
    return Wiring()

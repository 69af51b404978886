"""The composition root: the only place that reads the environment."""

from __future__ import annotations

import os
import tempfile
from datetime import timedelta
from functools import cache
from pathlib import Path

from antiphon.documents.dynamo import DynamoPages
from antiphon.documents.read import Reading
from antiphon.documents.take import TakeDocument
from antiphon.platform.clock import system_clock
from antiphon.platform.table import Table
from antiphon.platform.telemetry import make_logger
from antiphon.speech.dynamo import DynamoJobStore
from antiphon.speech.s3 import S3Objects, s3_client
from antiphon.work.protection import NoProtection
from antiphon.work.queue import SqsLane, sqs_client
from antiphon.work.worker import Worker


class Wiring:
    def __init__(self) -> None:
        env = os.environ
        region, lease = env["AWS_REGION"], timedelta(seconds=int(env["LEASE_SECONDS"]))
        table = Table(env["TABLE_NAME"], region)
        store = DynamoJobStore(table)
        self.lane = SqsLane(sqs_client(region), "documents", env["DOCUMENT_QUEUE_URL"], int(env["LEASE_SECONDS"]))
        self.worker = Worker(
            lanes=[self.lane],
            store=store,
            work=TakeDocument(
                store=store,
                pages=DynamoPages(table),
                objects=S3Objects(s3_client(region), system_clock),
                open=Reading,
                work_dir=Path(tempfile.gettempdir()),
                clock=system_clock,
            ),
            lease=lease,
            clock=system_clock,
            protection=NoProtection(),
            logger=make_logger("reader", env.get("LOG_LEVEL", "INFO")),
        )


@cache
def wiring() -> Wiring:
    return Wiring()

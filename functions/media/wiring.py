"""The composition root: the only place that reads the environment."""

from __future__ import annotations

import os
from functools import cache

from aws_lambda_powertools import Logger

from antiphon.identity.tiers import allowance_of
from antiphon.media.edits import Edits
from antiphon.media.items_dynamo import DynamoMediaStore
from antiphon.media.manage import MediaItems
from antiphon.platform.audit_dynamo import DynamoAuditLog
from antiphon.platform.clock import system_clock
from antiphon.platform.gate import Gate
from antiphon.platform.idempotency import Idempotency
from antiphon.platform.idempotency_dynamo import DynamoIdempotencyStore
from antiphon.platform.limits_dynamo import DynamoLimiter
from antiphon.platform.table import Table
from antiphon.platform.telemetry import make_logger
from antiphon.speech.dynamo import DynamoJobStore
from antiphon.speech.ports import JobStore
from antiphon.speech.remove import Remove
from antiphon.speech.s3 import S3Objects, s3_client
from antiphon.webhooks.guard import Guard


class Wiring:
    def __init__(self) -> None:
        env = os.environ
        region, uploads, results = env["AWS_REGION"], env["UPLOADS_BUCKET"], env["RESULTS_BUCKET"]
        table = Table(env["TABLE_NAME"], region)
        objects = S3Objects(s3_client(region), system_clock)
        media = DynamoMediaStore(table)
        self.clock = system_clock
        self.logger: Logger = make_logger("media", env.get("LOG_LEVEL", "INFO"))
        self.gate = Gate(
            limiter=DynamoLimiter(table), audit=DynamoAuditLog(table), clock=system_clock, allowance_of=allowance_of
        )
        self.idempotency = Idempotency(DynamoIdempotencyStore(table), system_clock)
        self.jobs: JobStore = DynamoJobStore(table)
        self.edits = Edits(jobs=self.jobs, media=media, clock=system_clock)
        self.items = MediaItems(media=media, objects=objects, uploads_bucket=uploads, results_bucket=results)
        self.remove = Remove(
            jobs=self.jobs, objects=objects, uploads_bucket=uploads, results_bucket=results, clock=system_clock
        )
        # No callback goes to our own origin.
        self.guard = Guard(allow_local=env["ALLOW_LOCAL_CALLBACKS"] == "true", own=(env["ISSUER"],))


@cache
def wiring() -> Wiring:
    return Wiring()

"""The composition root: the only place that reads the environment."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from functools import cache

from aws_lambda_powertools import Logger

from antiphon.identity.tiers import allowance_of
from antiphon.media.items_dynamo import DynamoMediaStore
from antiphon.platform.audit_dynamo import DynamoAuditLog
from antiphon.platform.clock import system_clock
from antiphon.platform.gate import Gate
from antiphon.platform.idempotency import Idempotency
from antiphon.platform.idempotency_dynamo import DynamoIdempotencyStore
from antiphon.platform.limits_dynamo import DynamoLimiter
from antiphon.platform.table import Table
from antiphon.platform.telemetry import make_logger
from antiphon.speech.dynamo import DynamoJobStore
from antiphon.speech.follow import Follow
from antiphon.speech.hand_in import HandIn
from antiphon.speech.listen import Listen
from antiphon.speech.outlook import quotes
from antiphon.speech.pace_dynamo import DynamoPaces
from antiphon.speech.ports import JobStore, Objects
from antiphon.speech.s3 import S3Objects, s3_client
from antiphon.speech.submit import Submit
from antiphon.webhooks.guard import Guard


@dataclass(frozen=True)
class Settings:
    """``transcriber``, ``synthesizer``: the engines of this deployment; ``issuer``: our own origin, from which nothing is fetched."""

    table: str
    region: str
    uploads_bucket: str
    results_bucket: str
    transcriber: str
    synthesizer: str
    allow_local_callbacks: bool
    issuer: str
    log_level: str

    @classmethod
    def read(cls) -> Settings:
        env = os.environ
        return cls(
            table=env["TABLE_NAME"],
            region=env["AWS_REGION"],
            uploads_bucket=env["UPLOADS_BUCKET"],
            results_bucket=env["RESULTS_BUCKET"],
            transcriber=env["TRANSCRIBER"],
            synthesizer=env["SYNTHESIZER"],
            allow_local_callbacks=env["ALLOW_LOCAL_CALLBACKS"] == "true",
            issuer=env["WEB_ORIGIN"],
            log_level=env.get("LOG_LEVEL", "INFO"),
        )


class Wiring:
    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.logger: Logger = make_logger("audio", settings.log_level)
        table = Table(settings.table, settings.region)
        self.jobs: JobStore = DynamoJobStore(table)
        self.objects: Objects = S3Objects(s3_client(settings.region), system_clock)
        self.gate = Gate(
            limiter=DynamoLimiter(table), audit=DynamoAuditLog(table), clock=system_clock, allowance_of=allowance_of
        )
        self.idempotency = Idempotency(DynamoIdempotencyStore(table), system_clock)
        self.submit = Submit(
            jobs=self.jobs,
            media=DynamoMediaStore(table),
            objects=self.objects,
            uploads_bucket=settings.uploads_bucket,
            clock=system_clock,
            quote=quotes(DynamoPaces(table), system_clock),
        )
        self.hand_in = HandIn(
            submit=self.submit,
            jobs=self.jobs,
            objects=self.objects,
            uploads_bucket=settings.uploads_bucket,
            clock=system_clock,
        )
        self.guard = Guard(allow_local=settings.allow_local_callbacks, own=(settings.issuer,))
        self.follow = Follow(self.jobs)
        self.listen = Listen(
            jobs=self.jobs,
            objects=self.objects,
            results_bucket=settings.results_bucket,
            clock=system_clock,
            pause=time.sleep,
        )


@cache
def wiring() -> Wiring:
    return Wiring(Settings.read())

"""The composition root: the only place that reads the environment."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from aws_lambda_powertools import Logger

from antiphon.engines.voices import catalogue
from antiphon.identity.tiers import allowance_of, limits_of
from antiphon.media.items_dynamo import DynamoMediaStore
from antiphon.platform.audit_dynamo import DynamoAuditLog
from antiphon.platform.clock import system_clock
from antiphon.platform.gate import Gate
from antiphon.platform.idempotency import Idempotency
from antiphon.platform.idempotency_dynamo import DynamoIdempotencyStore
from antiphon.platform.limits_dynamo import DynamoLimiter
from antiphon.platform.request import Caller
from antiphon.platform.table import Table
from antiphon.platform.telemetry import make_logger
from antiphon.speech.dynamo import DynamoJobStore
from antiphon.speech.lanes import SqsLanes
from antiphon.speech.listen import Listen
from antiphon.speech.model import Kind
from antiphon.speech.outlook import Outlooks, quotes
from antiphon.speech.pace_dynamo import DynamoPaces
from antiphon.speech.parts import Parts
from antiphon.speech.parts_s3 import S3Parts
from antiphon.speech.ports import JobStore, Objects
from antiphon.speech.remove import Remove
from antiphon.speech.revise import Revise
from antiphon.speech.s3 import S3Objects, s3_client
from antiphon.speech.samples import Samples
from antiphon.speech.steps import SubmitStep
from antiphon.speech.submit import NewJob, Submit
from antiphon.speech.view import estimate_view
from antiphon.webhooks.guard import Guard
from antiphon.work.queue import sqs_client


@dataclass(frozen=True)
class Settings:
    """``issuer``: our own origin, to which no callback may go."""

    table: str
    region: str
    uploads_bucket: str
    results_bucket: str
    synthesizer: str
    allow_local_callbacks: bool
    issuer: str
    log_level: str
    lanes: Mapping[tuple[Kind, str], str]

    @classmethod
    def read(cls) -> Settings:
        env = os.environ
        return cls(
            table=env["TABLE_NAME"],
            region=env["AWS_REGION"],
            uploads_bucket=env["UPLOADS_BUCKET"],
            results_bucket=env["RESULTS_BUCKET"],
            synthesizer=env["SYNTHESIZER"],
            allow_local_callbacks=env["ALLOW_LOCAL_CALLBACKS"] == "true",
            issuer=env["ISSUER"],
            log_level=env.get("LOG_LEVEL", "INFO"),
            lanes={
                (Kind.TRANSCRIPTION, "standard"): env["TRANSCRIPTION_QUEUE_URL"],
                (Kind.TRANSCRIPTION, "priority"): env["TRANSCRIPTION_PRIORITY_QUEUE_URL"],
                (Kind.SPEECH, "standard"): env["SPEECH_QUEUE_URL"],
                (Kind.SPEECH, "priority"): env["SPEECH_PRIORITY_QUEUE_URL"],
            },
        )


class Wiring:
    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.logger: Logger = make_logger("speech", settings.log_level)
        self.clock = system_clock
        table = Table(settings.table, settings.region)
        self.jobs: JobStore = DynamoJobStore(table)
        s3, media = s3_client(settings.region), DynamoMediaStore(table)
        self.objects: Objects = S3Objects(s3, self.clock)
        self.parts = Parts(
            bucket=S3Parts(s3, settings.uploads_bucket),
            jobs=self.jobs,
            media=media,
            origin=settings.issuer,
            clock=self.clock,
        )
        self.gate = Gate(
            limiter=DynamoLimiter(table), audit=DynamoAuditLog(table), clock=self.clock, allowance_of=allowance_of
        )
        self.idempotency = Idempotency(DynamoIdempotencyStore(table), self.clock)
        paces = DynamoPaces(table)
        self.outlooks = Outlooks(
            paces=paces,
            depths=SqsLanes(sqs_client(settings.region), queues=settings.lanes),
            clock=self.clock,
        )
        self.steps = SubmitStep(
            jobs=self.jobs,
            media=media,
            objects=self.objects,
            uploads_bucket=settings.uploads_bucket,
            clock=self.clock,
            ticket=self.outlooks.ticket,
            quote=quotes(paces, self.clock),
            parts=self.parts,
        )
        self.submit: Submit = self.steps
        self.remove = Remove(
            jobs=self.jobs,
            objects=self.objects,
            uploads_bucket=settings.uploads_bucket,
            results_bucket=settings.results_bucket,
            clock=self.clock,
        )
        self.revise = Revise(jobs=self.jobs, clock=self.clock)
        self.listen = Listen(
            jobs=self.jobs,
            objects=self.objects,
            results_bucket=settings.results_bucket,
            clock=self.clock,
            pause=time.sleep,
        )
        self.guard = Guard(allow_local=settings.allow_local_callbacks, own=(settings.issuer,))
        self.voices = catalogue(settings.synthesizer)
        self.samples = Samples(objects=self.objects, bucket=settings.results_bucket, voices=self.voices)

    def estimate(self, caller: Caller, kind: Kind, new: NewJob) -> dict[str, Any]:
        amount = self.submit.amount(caller, kind, new)
        found = self.outlooks.estimate(kind, limits_of(caller.tier).lane, amount)
        return estimate_view(kind, found, self.submit.joins(caller, kind, new))


@cache
def wiring() -> Wiring:
    return Wiring(Settings.read())

"""The composition root: the only place that reads the environment."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache

from aws_lambda_powertools import Logger

from antiphon.admin.jobs_dynamo import DynamoAllJobs
from antiphon.admin.model import QUEUES
from antiphon.admin.queues_sqs import SqsQueues
from antiphon.identity.administer import Administer
from antiphon.identity.dynamo import DynamoUsers
from antiphon.identity.tiers import allowance_of
from antiphon.platform.audit_dynamo import DynamoAuditLog
from antiphon.platform.clock import system_clock
from antiphon.platform.gate import Gate
from antiphon.platform.idempotency import Idempotency
from antiphon.platform.idempotency_dynamo import DynamoIdempotencyStore
from antiphon.platform.limits_dynamo import DynamoLimiter
from antiphon.platform.table import Table
from antiphon.platform.telemetry import make_logger
from antiphon.speech.again import RetryDead
from antiphon.speech.dynamo import DynamoJobStore
from antiphon.tally.dynamo import DynamoTally
from antiphon.work.queue import sqs_client


@dataclass(frozen=True)
class Settings:
    """``queues``: URLs by name; ``events``: of the dead letters of the table's stream."""

    table: str
    region: str
    log_level: str
    queues: dict[str, str]
    events: str

    @classmethod
    def read(cls) -> Settings:
        env = os.environ
        urls = dict(entry.split("=", 1) for entry in env["QUEUE_URLS"].split(","))
        return cls(
            table=env["TABLE_NAME"],
            region=env["AWS_REGION"],
            log_level=env.get("LOG_LEVEL", "INFO"),
            queues={name: urls[name] for name in QUEUES},
            events=env["EVENTS_DEAD_LETTERS_URL"],
        )


class Wiring:
    def __init__(self, settings: Settings) -> None:
        self.logger: Logger = make_logger("admin", settings.log_level)
        self.clock = system_clock
        table = Table(settings.table, settings.region)
        self.audit = DynamoAuditLog(table)
        self.gate = Gate(limiter=DynamoLimiter(table), audit=self.audit, clock=system_clock, allowance_of=allowance_of)
        self.idempotency = Idempotency(DynamoIdempotencyStore(table), system_clock)
        self.administer = Administer(users=DynamoUsers(table), clock=system_clock)
        self.jobs = DynamoAllJobs(table)
        self.queues = SqsQueues(
            sqs_client(settings.region),
            settings.queues,
            RetryDead(jobs=DynamoJobStore(table), clock=system_clock),
            settings.events,
        )
        self.tally = DynamoTally(table)


@cache
def wiring() -> Wiring:
    return Wiring(Settings.read())

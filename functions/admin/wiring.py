"""The composition root: the only place that reads the environment."""

from __future__ import annotations

import os
from functools import cache

from aws_lambda_powertools import Logger

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


class Wiring:
    def __init__(self, table: Table, log_level: str) -> None:
        self.logger: Logger = make_logger("admin", log_level)
        self.audit = DynamoAuditLog(table)
        self.gate = Gate(limiter=DynamoLimiter(table), audit=self.audit, clock=system_clock, allowance_of=allowance_of)
        self.idempotency = Idempotency(DynamoIdempotencyStore(table), system_clock)
        self.administer = Administer(users=DynamoUsers(table), clock=system_clock)


@cache
def wiring() -> Wiring:
    env = os.environ
    return Wiring(Table(env["TABLE_NAME"], env["AWS_REGION"]), env.get("LOG_LEVEL", "INFO"))

"""The composition root: the only place that reads the environment."""

from __future__ import annotations

import os
from functools import cache

from aws_lambda_powertools import Logger

from antiphon.devices.command import Commands
from antiphon.devices.dynamo import DynamoCommands, DynamoDevices
from antiphon.devices.manage import Devices
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
        self.logger: Logger = make_logger("devices", log_level)
        self.gate = Gate(
            limiter=DynamoLimiter(table), audit=DynamoAuditLog(table), clock=system_clock, allowance_of=allowance_of
        )
        self.idempotency = Idempotency(DynamoIdempotencyStore(table), system_clock)
        stored = DynamoDevices(table)
        self.devices = Devices(stored, system_clock)
        self.commands = Commands(stored, DynamoCommands(table), system_clock)


@cache
def wiring() -> Wiring:
    env = os.environ
    return Wiring(Table(env["TABLE_NAME"], env["AWS_REGION"]), env.get("LOG_LEVEL", "INFO"))

"""The composition root: the only place that reads the environment."""

from __future__ import annotations

import os
from functools import cache

from aws_lambda_powertools import Logger

from antiphon.conversations.dynamo import DynamoConversations
from antiphon.conversations.manage import Conversations
from antiphon.conversations.own import own_search
from antiphon.identity.tiers import allowance_of
from antiphon.platform.audit_dynamo import DynamoAuditLog
from antiphon.platform.clock import system_clock
from antiphon.platform.gate import Gate
from antiphon.platform.idempotency import Idempotency
from antiphon.platform.idempotency_dynamo import DynamoIdempotencyStore
from antiphon.platform.limits_dynamo import DynamoLimiter
from antiphon.platform.table import Table
from antiphon.platform.telemetry import make_logger
from antiphon.search.choose import MeaningSettings, meaning


class Wiring:
    def __init__(self, table: Table, settings: MeaningSettings, log_level: str) -> None:
        self.logger: Logger = make_logger("search", log_level)
        self.gate = Gate(
            limiter=DynamoLimiter(table), audit=DynamoAuditLog(table), clock=system_clock, allowance_of=allowance_of
        )
        self.idempotency = Idempotency(DynamoIdempotencyStore(table), system_clock)
        store = DynamoConversations(table)
        self.conversations = Conversations(store, system_clock)
        embedder, vectors = meaning(settings, table)
        self.find = own_search(table, system_clock, embedder, vectors)


@cache
def wiring() -> Wiring:
    env = os.environ
    table = Table(env["TABLE_NAME"], env["AWS_REGION"])
    return Wiring(table, MeaningSettings.of(env, table.region), env.get("LOG_LEVEL", "INFO"))

"""The composition root: the only place that reads the environment."""

from __future__ import annotations

import os
from functools import cache

from aws_lambda_powertools import Logger

from antiphon.conversations.dynamo import DynamoConversations
from antiphon.conversations.manage import Conversations
from antiphon.conversations.presets import Presets
from antiphon.conversations.presets_dynamo import DynamoPresets
from antiphon.engines.chat_models import ChatModels, ChatSettings
from antiphon.identity.tiers import allowance_of
from antiphon.platform.audit_dynamo import DynamoAuditLog
from antiphon.platform.clock import system_clock
from antiphon.platform.gate import Gate
from antiphon.platform.idempotency import Idempotency
from antiphon.platform.idempotency_dynamo import DynamoIdempotencyStore
from antiphon.platform.limits_dynamo import DynamoLimiter
from antiphon.platform.table import Table
from antiphon.platform.telemetry import make_logger
from antiphon.runs.dynamo import DynamoRuns
from antiphon.runs.start import Runs
from antiphon.runs.tools.names import TOOLS


class Wiring:
    """names: the settings of the models, without their keys: here they are named only, never asked."""

    def __init__(self, table: Table, names: ChatSettings, log_level: str) -> None:
        self.logger: Logger = make_logger("chat", log_level)
        self.gate = Gate(
            limiter=DynamoLimiter(table), audit=DynamoAuditLog(table), clock=system_clock, allowance_of=allowance_of
        )
        self.idempotency = Idempotency(DynamoIdempotencyStore(table), system_clock)
        self.models = ChatModels.of(names)
        store = DynamoConversations(table)
        self.conversations = Conversations(store, system_clock)
        self.runs = Runs(store=DynamoRuns(table), conversations=store, tools=TOOLS, clock=system_clock)
        self.presets = Presets(DynamoPresets(table), system_clock)


@cache
def wiring() -> Wiring:
    env = os.environ
    names = ChatSettings(gemini_models=env["GEMINI_MODELS"], openai_models=env["OPEN_AI_MODELS"])
    return Wiring(Table(env["TABLE_NAME"], env["AWS_REGION"]), names, env.get("LOG_LEVEL", "INFO"))

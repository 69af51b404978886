"""The composition root: the only place that reads the environment."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache

from aws_lambda_powertools import Logger

from antiphon.conversations.answer import Answer, Follow
from antiphon.conversations.budget_dynamo import DynamoBudget
from antiphon.conversations.cap_dynamo import daily_cap
from antiphon.conversations.complete import Complete
from antiphon.conversations.dynamo import DynamoConversations
from antiphon.conversations.manage import Conversations
from antiphon.conversations.own import own_passages, own_pictures
from antiphon.engines.chat_models import ChatModels, ChatSettings
from antiphon.identity.tiers import allowance_of
from antiphon.platform.audit_dynamo import DynamoAuditLog
from antiphon.platform.clock import system_clock
from antiphon.platform.gate import Gate
from antiphon.platform.idempotency import Idempotency
from antiphon.platform.idempotency_dynamo import DynamoIdempotencyStore
from antiphon.platform.limits_dynamo import DynamoLimiter
from antiphon.platform.secret import model_keys
from antiphon.platform.table import Table
from antiphon.platform.telemetry import make_logger


@dataclass(frozen=True)
class Settings:
    """``model_keys``: the secret that holds the providers' keys, as JSON: ``{"gemini": "…", "openai": "…"}``."""

    table: str
    region: str
    log_level: str
    model_keys: str
    gemini_models: str
    openai_models: str
    openai_url: str
    tokens_per_day: int

    @classmethod
    def read(cls) -> Settings:
        env = os.environ
        return cls(
            table=env["TABLE_NAME"],
            region=env["AWS_REGION"],
            log_level=env.get("LOG_LEVEL", "INFO"),
            model_keys=env["MODEL_KEYS"],
            gemini_models=env["GEMINI_MODELS"],
            openai_models=env["OPEN_AI_MODELS"],
            openai_url=env["OPEN_AI_URL"],
            tokens_per_day=int(env["CHAT_TOKENS_PER_DAY"]),
        )

    def chat(self) -> ChatSettings:
        keys = model_keys(self.model_keys, self.region) if self.gemini_models or self.openai_models else {}
        return ChatSettings(
            gemini_models=self.gemini_models,
            gemini_key=keys.get("gemini", ""),
            openai_models=self.openai_models,
            openai_key=keys.get("openai", ""),
            openai_url=self.openai_url,
        )


class Wiring:
    def __init__(self, settings: Settings) -> None:
        table = Table(settings.table, settings.region)
        store = DynamoConversations(table)
        self.logger: Logger = make_logger("messages", settings.log_level)
        self.gate = Gate(
            limiter=DynamoLimiter(table), audit=DynamoAuditLog(table), clock=system_clock, allowance_of=allowance_of
        )
        self.idempotency = Idempotency(DynamoIdempotencyStore(table), system_clock)
        self.models = ChatModels.of(settings.chat(), daily_cap(table, settings.tokens_per_day, system_clock))
        passages = own_passages(table, system_clock)
        self.answer = Answer(
            store=store,
            models=self.models,
            passages=passages,
            pictures=own_pictures(table, system_clock),
            clock=system_clock,
        )
        self.conversations = Conversations(store, system_clock)
        self.follow = Follow(store, system_clock)
        self.complete = Complete(models=self.models, budget=DynamoBudget(table), passages=passages, clock=system_clock)


@cache
def wiring() -> Wiring:
    return Wiring(Settings.read())

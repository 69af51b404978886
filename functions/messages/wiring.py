"""The composition root: the only place that reads the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache

from aws_lambda_powertools import Logger

from antiphon.conversations.answer import Answer, Follow
from antiphon.conversations.budget_dynamo import DynamoBudget
from antiphon.conversations.complete import Complete
from antiphon.conversations.configured import chat_models
from antiphon.conversations.dynamo import DynamoConversations
from antiphon.conversations.manage import Conversations
from antiphon.conversations.own import own_passages, own_pictures
from antiphon.identity.tiers import allowance_of
from antiphon.platform.audit_dynamo import DynamoAuditLog
from antiphon.platform.clock import system_clock
from antiphon.platform.gate import Gate
from antiphon.platform.idempotency import Idempotency
from antiphon.platform.idempotency_dynamo import DynamoIdempotencyStore
from antiphon.platform.limits_dynamo import DynamoLimiter
from antiphon.platform.table import Table
from antiphon.platform.telemetry import make_logger
from antiphon.speech.dynamo import DynamoJobStore
from antiphon.speech.openai.names import audio_models
from antiphon.speech.watch import Watch


class Wiring:
    def __init__(self, env: Mapping[str, str]) -> None:
        table = Table(env["TABLE_NAME"], env["AWS_REGION"])
        store = DynamoConversations(table)
        self.logger: Logger = make_logger("messages", env.get("LOG_LEVEL", "INFO"))
        self.gate = Gate(
            limiter=DynamoLimiter(table), audit=DynamoAuditLog(table), clock=system_clock, allowance_of=allowance_of
        )
        self.idempotency = Idempotency(DynamoIdempotencyStore(table), system_clock)
        self.models = chat_models(env, table, system_clock)
        self.audio_models = audio_models(env["TRANSCRIBER"], env["SYNTHESIZER"])
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
        self.jobs = DynamoJobStore(table)
        self.watch = Watch(self.jobs)
        self.complete = Complete(models=self.models, budget=DynamoBudget(table), passages=passages, clock=system_clock)


@cache
def wiring() -> Wiring:
    return Wiring(os.environ)

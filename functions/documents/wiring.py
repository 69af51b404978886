"""The composition root: the only place that reads the environment."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache

from aws_lambda_powertools import Logger

from antiphon.conversations.budget_dynamo import DynamoBudget
from antiphon.conversations.cap_dynamo import daily_cap
from antiphon.conversations.complete import Complete
from antiphon.conversations.own import own_passages
from antiphon.documents.ask import AskDocuments
from antiphon.documents.dynamo import DynamoPages
from antiphon.documents.find import FindPassages
from antiphon.documents.ports import DocumentPages
from antiphon.engines.chat_models import ChatModels, ChatSettings
from antiphon.identity.tiers import allowance_of
from antiphon.media.items_dynamo import DynamoMediaStore
from antiphon.platform.audit_dynamo import DynamoAuditLog
from antiphon.platform.clock import system_clock
from antiphon.platform.gate import Gate
from antiphon.platform.idempotency import Idempotency
from antiphon.platform.idempotency_dynamo import DynamoIdempotencyStore
from antiphon.platform.limits_dynamo import DynamoLimiter
from antiphon.platform.secret import model_keys
from antiphon.platform.table import Table
from antiphon.platform.telemetry import make_logger
from antiphon.speech.dynamo import DynamoJobStore
from antiphon.speech.ports import JobStore
from antiphon.speech.remove import Remove
from antiphon.speech.s3 import S3Objects, s3_client
from antiphon.speech.submit import Submit
from antiphon.webhooks.guard import Guard


@dataclass(frozen=True)
class Settings:
    """``issuer``: our own origin, to which no callback may go; ``model_keys``: the secret that holds the providers' keys, as JSON."""

    table: str
    region: str
    uploads_bucket: str
    allow_local_callbacks: bool
    issuer: str
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
            uploads_bucket=env["UPLOADS_BUCKET"],
            allow_local_callbacks=env["ALLOW_LOCAL_CALLBACKS"] == "true",
            issuer=env["ISSUER"],
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
        self.logger: Logger = make_logger("documents", settings.log_level)
        table = Table(settings.table, settings.region)
        self.jobs: JobStore = DynamoJobStore(table)
        self.pages: DocumentPages = DynamoPages(table)
        self.gate = Gate(
            limiter=DynamoLimiter(table), audit=DynamoAuditLog(table), clock=system_clock, allowance_of=allowance_of
        )
        self.idempotency = Idempotency(DynamoIdempotencyStore(table), system_clock)
        objects = S3Objects(s3_client(settings.region), system_clock)
        self.submit = Submit(
            jobs=self.jobs,
            media=DynamoMediaStore(table),
            objects=objects,
            uploads_bucket=settings.uploads_bucket,
            clock=system_clock,
        )
        self.remove = Remove(
            jobs=self.jobs, objects=objects, uploads_bucket=settings.uploads_bucket, clock=system_clock
        )
        self.guard = Guard(allow_local=settings.allow_local_callbacks, own=(settings.issuer,))
        models = ChatModels.of(settings.chat(), daily_cap(table, settings.tokens_per_day, system_clock))
        complete = Complete(
            models=models,
            budget=DynamoBudget(table),
            passages=own_passages(table, system_clock),
            clock=system_clock,
        )
        self.ask = AskDocuments(find=FindPassages(self.jobs, self.pages), complete=complete, models=models)


@cache
def wiring() -> Wiring:
    return Wiring(Settings.read())

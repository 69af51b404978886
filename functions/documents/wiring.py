"""The composition root: the only place that reads the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache

from aws_lambda_powertools import Logger

from antiphon.conversations.budget_dynamo import DynamoBudget
from antiphon.conversations.complete import Complete
from antiphon.conversations.configured import chat_models
from antiphon.conversations.own import own_passages, own_search
from antiphon.documents.ask import AskDocuments
from antiphon.documents.dynamo import DynamoPages
from antiphon.documents.find import FindPassages
from antiphon.documents.ports import DocumentPages
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
from antiphon.speech.ports import JobStore
from antiphon.speech.remove import Remove
from antiphon.speech.s3 import S3Objects, s3_client
from antiphon.speech.submit import Submit
from antiphon.webhooks.guard import Guard


class Wiring:
    def __init__(self, env: Mapping[str, str]) -> None:
        self.logger: Logger = make_logger("documents", env.get("LOG_LEVEL", "INFO"))
        table = Table(env["TABLE_NAME"], env["AWS_REGION"])
        self.jobs: JobStore = DynamoJobStore(table)
        self.pages: DocumentPages = DynamoPages(table)
        self.gate = Gate(
            limiter=DynamoLimiter(table), audit=DynamoAuditLog(table), clock=system_clock, allowance_of=allowance_of
        )
        self.idempotency = Idempotency(DynamoIdempotencyStore(table), system_clock)
        objects = S3Objects(s3_client(table.region), system_clock)
        self.submit = Submit(
            jobs=self.jobs,
            media=DynamoMediaStore(table),
            objects=objects,
            uploads_bucket=env["UPLOADS_BUCKET"],
            clock=system_clock,
        )
        self.remove = Remove(jobs=self.jobs, objects=objects, uploads_bucket=env["UPLOADS_BUCKET"], clock=system_clock)
        # No callback goes to our own origin.
        self.guard = Guard(allow_local=env["ALLOW_LOCAL_CALLBACKS"] == "true", own=(env["ISSUER"],))
        models = chat_models(env, table, system_clock)
        complete = Complete(
            models=models,
            budget=DynamoBudget(table),
            passages=own_passages(table, system_clock),
            clock=system_clock,
        )
        find = FindPassages(self.jobs, self.pages, own_search(table, system_clock).pages)
        self.ask = AskDocuments(find=find, complete=complete, models=models)


@cache
def wiring() -> Wiring:
    return Wiring(os.environ)

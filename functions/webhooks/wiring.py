"""The composition root: the only place that reads the environment."""

from __future__ import annotations

import os
import random
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING

from aws_lambda_powertools import Logger

from antiphon.identity.tiers import allowance_of
from antiphon.platform.audit_dynamo import DynamoAuditLog
from antiphon.platform.clock import system_clock
from antiphon.platform.gate import Gate
from antiphon.platform.idempotency import Idempotency
from antiphon.platform.idempotency_dynamo import DynamoIdempotencyStore
from antiphon.platform.limits_dynamo import DynamoLimiter
from antiphon.platform.table import Table
from antiphon.platform.telemetry import make_logger
from antiphon.webhooks.dynamo import DynamoDeliveryStore, DynamoEndpointStore, DynamoEventStore
from antiphon.webhooks.guard import Guard
from antiphon.webhooks.manage import Endpoints
from antiphon.webhooks.replay import Replay
from antiphon.webhooks.secrets import AccountSecret, Secrets
from antiphon.webhooks.sqs import SqsDeliveryQueue
from antiphon.webhooks.vault_kms import KmsVault

if TYPE_CHECKING:
    from antiphon.webhooks.try_out import TryOut


@dataclass(frozen=True)
class Settings:
    """``issuer``: our own origin, to which no callback may go."""

    table: str
    region: str
    deliveries_queue: str
    allow_local_callbacks: bool
    issuer: str
    secrets_key: str
    log_level: str

    @classmethod
    def read(cls) -> Settings:
        env = os.environ
        return cls(
            table=env["TABLE_NAME"],
            region=env["AWS_REGION"],
            deliveries_queue=env["DELIVERIES_QUEUE_URL"],
            allow_local_callbacks=env["ALLOW_LOCAL_CALLBACKS"] == "true",
            issuer=env["ISSUER"],
            secrets_key=env["SEALING_KEY_ID"],
            log_level=env.get("LOG_LEVEL", "INFO"),
        )


class Wiring:
    def __init__(self, settings: Settings) -> None:
        import boto3

        table = Table(settings.table, settings.region)
        self.logger: Logger = make_logger("webhooks", settings.log_level)
        self.gate = Gate(
            limiter=DynamoLimiter(table), audit=DynamoAuditLog(table), clock=system_clock, allowance_of=allowance_of
        )
        self.idempotency = Idempotency(DynamoIdempotencyStore(table), system_clock)
        secrets = Secrets(
            KmsVault(boto3.client("kms", region_name=settings.region), settings.secrets_key), system_clock
        )
        store = DynamoEndpointStore(table)
        self.account_secret = AccountSecret(store, secrets)
        self.endpoints = Endpoints(
            endpoints=store,
            secrets=secrets,
            deliveries=DynamoDeliveryStore(table),
            queue=SqsDeliveryQueue(boto3.client("sqs", region_name=settings.region), settings.deliveries_queue),
            guard=Guard(allow_local=settings.allow_local_callbacks, own=(settings.issuer,)),
            clock=system_clock,
        )
        self._table, self._events = table, DynamoEventStore(table)
        self.replay = Replay(self.endpoints, self._events, system_clock)

    @cached_property
    def try_out(self) -> TryOut:
        """Made when somebody asks for it: what it loads, no other request needs."""
        from antiphon.webhooks.deliver import Deliverer
        from antiphon.webhooks.send import HttpSender, trusted_roots
        from antiphon.webhooks.slots_dynamo import DynamoSlots
        from antiphon.webhooks.try_out import TryOut

        endpoints = self.endpoints
        deliverer = Deliverer(
            endpoints=endpoints.endpoints,
            secrets=endpoints.secrets,
            deliveries=endpoints.deliveries,
            events=self._events,
            queue=endpoints.queue,
            slots=DynamoSlots(self._table),
            sender=HttpSender(endpoints.guard, trusted_roots()),
            clock=system_clock,
            draw=random.random,
        )
        return TryOut(endpoints, deliverer, system_clock)


@cache
def wiring() -> Wiring:
    return Wiring(Settings.read())

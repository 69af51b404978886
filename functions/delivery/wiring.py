"""The composition root: the only place that reads the environment."""

from __future__ import annotations

import os
import random
from dataclasses import dataclass
from functools import cache

from antiphon.platform.clock import system_clock
from antiphon.platform.table import Table
from antiphon.platform.telemetry import EmfMetrics
from antiphon.webhooks.deliver import Deliverer
from antiphon.webhooks.dynamo import DynamoDeliveryStore, DynamoEndpointStore, DynamoEventStore
from antiphon.webhooks.guard import Guard
from antiphon.webhooks.secrets import Secrets
from antiphon.webhooks.send import HttpSender, trusted_roots
from antiphon.webhooks.slots_dynamo import DynamoSlots
from antiphon.webhooks.sqs import SqsDeliveryQueue
from antiphon.webhooks.vault_kms import KmsVault


@dataclass(frozen=True)
class Settings:
    """``issuer``: our own origin, to which no callback may go."""

    table: str
    region: str
    deployment: str
    deliveries_queue: str
    allow_local_callbacks: bool
    issuer: str
    secrets_key: str

    @classmethod
    def read(cls) -> Settings:
        env = os.environ
        return cls(
            table=env["TABLE_NAME"],
            region=env["AWS_REGION"],
            deployment=env["DEPLOYMENT"],
            deliveries_queue=env["DELIVERIES_QUEUE_URL"],
            allow_local_callbacks=env["ALLOW_LOCAL_CALLBACKS"] == "true",
            issuer=env["ISSUER"],
            secrets_key=env["SEALING_KEY_ID"],
        )


@cache
def deliverer() -> Deliverer:
    import boto3

    settings = Settings.read()
    table = Table(settings.table, settings.region)
    vault = KmsVault(boto3.client("kms", region_name=settings.region), settings.secrets_key)
    return Deliverer(
        endpoints=DynamoEndpointStore(table),
        secrets=Secrets(vault, system_clock),
        deliveries=DynamoDeliveryStore(table),
        events=DynamoEventStore(table),
        queue=SqsDeliveryQueue(boto3.client("sqs", region_name=settings.region), settings.deliveries_queue),
        slots=DynamoSlots(table),
        sender=HttpSender(Guard(allow_local=settings.allow_local_callbacks, own=(settings.issuer,)), trusted_roots()),
        clock=system_clock,
        draw=random.random,
        metrics=EmfMetrics(settings.deployment),
    )

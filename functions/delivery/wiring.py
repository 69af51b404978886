"""The composition root: the only place that reads the environment."""

from __future__ import annotations

import os
import random
from dataclasses import dataclass
from functools import cache

from antiphon.platform.clock import system_clock
from antiphon.platform.table import Table
from antiphon.webhooks.deliver import Deliverer
from antiphon.webhooks.dynamo import DynamoDeliveryStore, DynamoEndpointStore, DynamoEventStore
from antiphon.webhooks.guard import Guard
from antiphon.webhooks.send import HttpSender, trusted_roots
from antiphon.webhooks.sqs import SqsDeliveryQueue


@dataclass(frozen=True)
class Settings:
    """``issuer``: our own origin, to which no callback may go."""

    table: str
    region: str
    deliveries_queue: str
    allow_local_callbacks: bool
    issuer: str

    @classmethod
    def read(cls) -> Settings:
        env = os.environ
        return cls(
            table=env["TABLE_NAME"],
            region=env["AWS_REGION"],
            deliveries_queue=env["DELIVERIES_QUEUE_URL"],
            allow_local_callbacks=env["ALLOW_LOCAL_CALLBACKS"] == "true",
            issuer=env["ISSUER"],
        )


@cache
def deliverer() -> Deliverer:
    import boto3

    settings = Settings.read()
    table = Table(settings.table, settings.region)
    return Deliverer(
        endpoints=DynamoEndpointStore(table),
        deliveries=DynamoDeliveryStore(table),
        events=DynamoEventStore(table),
        queue=SqsDeliveryQueue(boto3.client("sqs", region_name=settings.region), settings.deliveries_queue),
        sender=HttpSender(Guard(allow_local=settings.allow_local_callbacks, own=(settings.issuer,)), trusted_roots()),
        clock=system_clock,
        draw=random.random,
    )

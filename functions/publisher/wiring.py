"""The composition root: the only place that reads the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from antiphon.identity.mail_sqs import SqsMails
from antiphon.platform.table import Table
from antiphon.platform.telemetry import EmfMetrics
from antiphon.realtime.dynamo import DynamoConnections
from antiphon.realtime.sqs import SqsPushQueue
from antiphon.realtime.tell import Tell
from antiphon.search.sqs import SqsIndexQueue
from antiphon.speech.dynamo import DynamoJobStore
from antiphon.tally.dynamo import DynamoTally
from antiphon.webhooks.dynamo import DynamoEndpointStore
from antiphon.webhooks.publish import Publisher
from antiphon.webhooks.sqs import SqsDeadEvents, SqsDeliveryQueue, SqsLanes


@dataclass(frozen=True)
class Settings:
    """``lanes``: queue URLs by (kind, lane)."""

    table: str
    region: str
    deployment: str
    deliveries_queue: str
    mails_queue: str
    index_queue: str
    pushes_queue: str
    dead_letters: str
    lanes: Mapping[tuple[str, str], str]

    @classmethod
    def read(cls) -> Settings:
        env = os.environ
        return cls(
            table=env["TABLE_NAME"],
            region=env["AWS_REGION"],
            deployment=env["DEPLOYMENT"],
            deliveries_queue=env["DELIVERIES_QUEUE_URL"],
            mails_queue=env["MAILS_QUEUE_URL"],
            index_queue=env["INDEX_QUEUE_URL"],
            pushes_queue=env["PUSHES_QUEUE_URL"],
            dead_letters=env["EVENTS_DEAD_LETTERS_URL"],
            lanes={
                ("transcription", "standard"): env["TRANSCRIPTION_QUEUE_URL"],
                ("transcription", "priority"): env["TRANSCRIPTION_PRIORITY_QUEUE_URL"],
                **{
                    (step, lane): env[f"TRANSCRIPTION_{name}QUEUE_URL"]
                    for step in ("alignment", "diarization", "assignment")
                    for lane, name in (("standard", ""), ("priority", "PRIORITY_"))
                },
                ("speech", "standard"): env["SPEECH_QUEUE_URL"],
                ("speech", "priority"): env["SPEECH_PRIORITY_QUEUE_URL"],
                ("run", "standard"): env["RUNS_QUEUE_URL"],
                ("document", "standard"): env["DOCUMENT_QUEUE_URL"],
                ("document", "priority"): env["DOCUMENT_QUEUE_URL"],
                ("edit", "standard"): env["EDITS_QUEUE_URL"],
                ("inspection", "standard"): env["EDITS_QUEUE_URL"],
                ("fetch", "standard"): env["FETCH_QUEUE_URL"],
            },
        )


@cache
def publisher() -> Publisher:
    import boto3

    settings = Settings.read()
    sqs = boto3.client("sqs", region_name=settings.region)
    table = Table(settings.table, settings.region)
    return Publisher(
        endpoints=DynamoEndpointStore(table),
        lanes=SqsLanes(sqs, settings.lanes),
        queue=SqsDeliveryQueue(sqs, settings.deliveries_queue),
        mails=SqsMails(sqs, settings.mails_queue),
        index=SqsIndexQueue(sqs, settings.index_queue),
        waiters=DynamoJobStore(table),
        tell=Tell(DynamoConnections(table), SqsPushQueue(sqs, settings.pushes_queue)),
        tally=DynamoTally(table),
        metrics=EmfMetrics(settings.deployment),
    )


@cache
def set_aside() -> SqsDeadEvents:
    import boto3

    settings = Settings.read()
    return SqsDeadEvents(boto3.client("sqs", region_name=settings.region), settings.dead_letters)

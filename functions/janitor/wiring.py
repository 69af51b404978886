"""The composition root: the only place that reads the environment."""

from __future__ import annotations

import os
from functools import cache

from antiphon.admin.jobs_dynamo import DynamoAllJobs
from antiphon.conversations.answer import Settle
from antiphon.conversations.budget import SettleBudget
from antiphon.conversations.budget_dynamo import DynamoBudget
from antiphon.conversations.cap_dynamo import daily_cap
from antiphon.conversations.dynamo import DynamoConversations
from antiphon.identity.erase import Erase
from antiphon.identity.erase_dynamo import DynamoAccountRows
from antiphon.identity.erase_s3 import S3AccountObjects
from antiphon.identity.erase_sqs import SqsSecondLooks
from antiphon.media.items_dynamo import DynamoMediaStore
from antiphon.platform.audit_dynamo import DynamoAuditLog
from antiphon.platform.clock import system_clock
from antiphon.platform.table import Table
from antiphon.platform.telemetry import EmfMetrics
from antiphon.realtime.connect import SweepConnections
from antiphon.realtime.dynamo import DynamoConnections
from antiphon.realtime.gateway import ApiGatewaySockets
from antiphon.runs.dynamo import DynamoRuns
from antiphon.runs.sqs import SqsRunQueue
from antiphon.runs.sweep import SweepRuns
from antiphon.search.choose import far_vectors
from antiphon.speech.dynamo import DynamoJobStore
from antiphon.speech.lanes import SqsLanes
from antiphon.speech.model import STEPS, Kind
from antiphon.speech.s3 import s3_client
from antiphon.speech.sweep import SweepJobs
from antiphon.tally.dynamo import DynamoTally
from antiphon.webhooks.dynamo import DynamoDeliveryStore
from antiphon.webhooks.sqs import SqsDeliveryQueue
from antiphon.webhooks.sweep import SweepDeliveries


class Wiring:
    def __init__(self) -> None:
        import boto3

        env = os.environ
        region = env["AWS_REGION"]
        table = Table(env["TABLE_NAME"], region)
        sqs = boto3.client("sqs", region_name=region)
        places = {
            (kind, lane): f"{kind.name}{'' if lane == 'standard' else '_PRIORITY'}"
            for kind in (Kind.TRANSCRIPTION, Kind.SPEECH)
            for lane in ("standard", "priority")
        }
        places |= {
            (step, lane): places[Kind.TRANSCRIPTION, lane] for step in STEPS for lane in ("standard", "priority")
        }
        # These have one queue each: Lambda takes as many at once as there are.
        places |= {(Kind.DOCUMENT, lane): "DOCUMENT" for lane in ("standard", "priority")}
        places |= {(Kind.EDIT, "standard"): "EDITS"}
        self.lanes = SqsLanes(
            sqs,
            queues={place: env[f"{name}_QUEUE_URL"] for place, name in places.items()},
            dead_letters={place: env[f"{name}_DEAD_LETTERS_URL"] for place, name in places.items()},
        )
        self.jobs = SweepJobs(jobs=DynamoJobStore(table), lanes=self.lanes, clock=system_clock)
        self.tally = DynamoTally(table)
        self.all_jobs = DynamoAllJobs(table)
        self.metrics = EmfMetrics(env["DEPLOYMENT"])
        self.cap = daily_cap(table, int(env["CHAT_TOKENS_PER_DAY"]), system_clock)
        self.media = DynamoMediaStore(table)
        self.budget = SettleBudget(DynamoBudget(table), system_clock)
        self.replies = Settle(DynamoConversations(table), system_clock)
        self.runs = SweepRuns(DynamoRuns(table), SqsRunQueue(sqs, env["RUNS_QUEUE_URL"]), system_clock)
        self.connections = SweepConnections(
            DynamoConnections(table), ApiGatewaySockets(env["SOCKETS_ENDPOINT"], region), system_clock
        )
        self.deliveries = SweepDeliveries(
            DynamoDeliveryStore(table), SqsDeliveryQueue(sqs, env["DELIVERIES_QUEUE_URL"]), system_clock
        )
        self.erase = Erase(
            rows=DynamoAccountRows(table, system_clock, far_vectors(env["VECTOR_INDEX"], region)),
            objects=S3AccountObjects(s3_client(region), uploads=env["UPLOADS_BUCKET"], results=env["RESULTS_BUCKET"]),
            looks=SqsSecondLooks(sqs, env["ERASURES_QUEUE_URL"]),
            audit=DynamoAuditLog(table),
            clock=system_clock,
        )


@cache
def wiring() -> Wiring:
    return Wiring()

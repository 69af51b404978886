"""The composition root: the only place that reads the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import timedelta
from functools import cache

from aws_lambda_powertools import Logger

from antiphon.conversations.dynamo import DynamoConversations
from antiphon.devices.command import Commands
from antiphon.devices.dynamo import DynamoCommands, DynamoDevices
from antiphon.identity.admit import Known
from antiphon.identity.dynamo import DynamoKeys, DynamoUsers
from antiphon.identity.tiers import allowance_of
from antiphon.platform.audit_dynamo import DynamoAuditLog
from antiphon.platform.clock import system_clock
from antiphon.platform.gate import Gate
from antiphon.platform.idempotency import Idempotency
from antiphon.platform.idempotency_dynamo import DynamoIdempotencyStore
from antiphon.platform.limits_dynamo import DynamoLimiter
from antiphon.platform.table import Table
from antiphon.platform.telemetry import make_logger
from antiphon.realtime.connect import Doorkeeper
from antiphon.realtime.dynamo import DynamoConnections
from antiphon.realtime.enter import GateOfSockets
from antiphon.realtime.gateway import ApiGatewaySockets
from antiphon.realtime.model import ACTIONS
from antiphon.realtime.receive import Receive
from antiphon.realtime.sqs import SqsPushQueue, SqsQuestionQueue
from antiphon.runs.dynamo import DynamoRuns


class Wiring:
    def __init__(self, env: Mapping[str, str]) -> None:
        import boto3

        region = env["AWS_REGION"]
        table = Table(env["TABLE_NAME"], region)
        sqs = boto3.client("sqs", region_name=region)
        self.logger: Logger = make_logger("realtime", env.get("LOG_LEVEL", "INFO"))
        self.sockets = ApiGatewaySockets(env["SOCKETS_ENDPOINT"], region)
        connections, users, devices = DynamoConnections(table), DynamoUsers(table), DynamoDevices(table)
        self.door = Doorkeeper(
            connections=connections,
            sockets=self.sockets,
            known=Known(users=users, sessions=users, keys=DynamoKeys(table), clock=system_clock),
            clock=system_clock,
            recheck=timedelta(seconds=int(env["AUTHORIZER_TTL"])),
        )
        gate = Gate(
            limiter=DynamoLimiter(table),
            audit=DynamoAuditLog(table),
            clock=system_clock,
            allowance_of=allowance_of,
            routes=ACTIONS,
        )
        self.receive = Receive(
            connections=connections,
            door=self.door,
            sockets=self.sockets,
            pushes=SqsPushQueue(sqs, env["PUSHES_QUEUE_URL"]),
            questions=SqsQuestionQueue(sqs, env["QUESTIONS_QUEUE_URL"]),
            things={"conv": DynamoConversations(table), "run": DynamoRuns(table), "dev": devices},
            commands=Commands(devices, DynamoCommands(table), system_clock),
            enter=GateOfSockets(gate, self.logger),
            idempotency=Idempotency(DynamoIdempotencyStore(table), system_clock),
            clock=system_clock,
        )


@cache
def wiring() -> Wiring:
    return Wiring(os.environ)

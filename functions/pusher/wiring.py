"""The composition root: the only place that reads the environment."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import cache

from antiphon.devices.command import Commands
from antiphon.devices.dynamo import DynamoCommands, DynamoDevices
from antiphon.identity.admit import Known
from antiphon.identity.dynamo import DynamoKeys, DynamoUsers
from antiphon.platform.clock import system_clock
from antiphon.platform.table import Table
from antiphon.realtime.connect import Doorkeeper
from antiphon.realtime.dynamo import DynamoConnections, DynamoEventLog
from antiphon.realtime.gateway import ApiGatewaySockets
from antiphon.realtime.push import Push
from antiphon.realtime.sqs import SqsPushQueue

CONNECTIONS_AT_ONCE = 32


@cache
def push() -> Push:
    import boto3

    env = os.environ
    region = env["AWS_REGION"]
    table = Table(env["TABLE_NAME"], region)
    connections, users = DynamoConnections(table), DynamoUsers(table)
    sockets = ApiGatewaySockets(env["SOCKETS_ENDPOINT"], region)
    return Push(
        connections=connections,
        door=Doorkeeper(
            connections=connections,
            sockets=sockets,
            known=Known(users=users, sessions=users, keys=DynamoKeys(table), clock=system_clock),
            clock=system_clock,
            recheck=timedelta(seconds=int(env["AUTHORIZER_TTL"])),
        ),
        log=DynamoEventLog(table),
        sockets=sockets,
        queue=SqsPushQueue(boto3.client("sqs", region_name=region), env["PUSHES_QUEUE_URL"]),
        commands=Commands(DynamoDevices(table), DynamoCommands(table), system_clock),
        clock=system_clock,
        pool=ThreadPoolExecutor(CONNECTIONS_AT_ONCE),
    )

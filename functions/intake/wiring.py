"""The composition root: the only place that reads the environment."""

from __future__ import annotations

import os
from functools import cache

from antiphon.identity.dynamo import DynamoUsers
from antiphon.media.items_dynamo import DynamoMediaStore
from antiphon.platform.audit_dynamo import DynamoAuditLog
from antiphon.platform.clock import system_clock
from antiphon.platform.table import Table
from antiphon.speech.arrive import Arrive
from antiphon.speech.dynamo import DynamoJobStore
from antiphon.speech.lanes import SqsLanes
from antiphon.speech.model import Kind
from antiphon.speech.outlook import Outlooks
from antiphon.speech.pace_dynamo import DynamoPaces
from antiphon.speech.s3 import S3Objects, s3_client
from antiphon.work.queue import sqs_client


@cache
def arrive() -> Arrive:
    region = os.environ["AWS_REGION"]
    table = Table(os.environ["TABLE_NAME"], region)
    queues = {
        (Kind.TRANSCRIPTION, "standard"): os.environ["TRANSCRIPTION_QUEUE_URL"],
        (Kind.TRANSCRIPTION, "priority"): os.environ["TRANSCRIPTION_PRIORITY_QUEUE_URL"],
        (Kind.SPEECH, "standard"): os.environ["SPEECH_QUEUE_URL"],
        (Kind.SPEECH, "priority"): os.environ["SPEECH_PRIORITY_QUEUE_URL"],
    }
    depths = SqsLanes(sqs_client(region), queues=queues)
    outlooks = Outlooks(paces=DynamoPaces(table), depths=depths, clock=system_clock)
    return Arrive(
        jobs=DynamoJobStore(table),
        media=DynamoMediaStore(table),
        objects=S3Objects(s3_client(region), system_clock),
        users=DynamoUsers(table),
        audit=DynamoAuditLog(table),
        clock=system_clock,
        ticket=outlooks.ticket,
    )

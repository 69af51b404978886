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
from antiphon.speech.s3 import S3Objects, s3_client


@cache
def arrive() -> Arrive:
    region = os.environ["AWS_REGION"]
    table = Table(os.environ["TABLE_NAME"], region)
    return Arrive(
        jobs=DynamoJobStore(table),
        media=DynamoMediaStore(table),
        objects=S3Objects(s3_client(region), system_clock),
        users=DynamoUsers(table),
        audit=DynamoAuditLog(table),
        clock=system_clock,
    )

"""The composition root: the only place that reads the environment."""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING, Any

from antiphon.platform.clock import system_clock
from antiphon.platform.table import Table
from antiphon.speech.dynamo import DynamoJobStore
from antiphon.speech.fetch import Fetch
from antiphon.speech.fetch_http import HttpWeb
from antiphon.speech.s3 import S3Objects, s3_client
from antiphon.webhooks.guard import Guard
from antiphon.webhooks.send import trusted_roots

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
else:
    SQSClient = Any


@cache
def fetch() -> Fetch:
    env = os.environ
    guard = Guard(allow_local=env["ALLOW_LOCAL_CALLBACKS"] == "true", own=(env["ISSUER"],))
    return Fetch(
        jobs=DynamoJobStore(Table(env["TABLE_NAME"], env["AWS_REGION"])),
        objects=S3Objects(s3_client(env["AWS_REGION"]), system_clock),
        web=HttpWeb(guard, trusted_roots()),
        uploads_bucket=env["UPLOADS_BUCKET"],
        clock=system_clock,
    )


@cache
def queue() -> tuple[SQSClient, str]:
    """The client, and the address of the queue whose messages this function gets."""
    import boto3

    return boto3.client("sqs", region_name=os.environ["AWS_REGION"]), os.environ["FETCH_QUEUE_URL"]

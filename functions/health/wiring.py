"""The composition root: the only place that reads the environment."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import cache

from aws_lambda_powertools import Logger

from antiphon.platform.telemetry import make_logger

QUEUES = (
    "UPLOADS",
    "TRANSCRIPTION",
    "TRANSCRIPTION_PRIORITY",
    "SPEECH",
    "SPEECH_PRIORITY",
    "DOCUMENT",
    "EDITS",
    "DELIVERIES",
)
Check = Callable[[], object]
"""Raises when the part does not answer."""


@cache
def logger() -> Logger:
    return make_logger("health", os.environ.get("LOG_LEVEL", "INFO"))


@cache
def checks() -> Mapping[str, Check]:
    """A cheap read of each part, by the name that a caller may see."""
    import boto3
    from botocore.config import Config

    env, region = os.environ, os.environ["AWS_REGION"]
    quick = Config(connect_timeout=1, read_timeout=1.5, retries={"total_max_attempts": 1})
    dynamodb = boto3.client("dynamodb", region_name=region, config=quick)
    s3 = boto3.client("s3", region_name=region, config=quick)
    sqs = boto3.client("sqs", region_name=region, config=quick)
    key = {"pk": {"S": "health"}, "sk": {"S": "health"}}
    found: dict[str, Check] = {
        "table": lambda: dynamodb.get_item(TableName=env["TABLE_NAME"], Key=key),
        "uploads_bucket": lambda: s3.head_bucket(Bucket=env["UPLOADS_BUCKET"]),
        "results_bucket": lambda: s3.head_bucket(Bucket=env["RESULTS_BUCKET"]),
    }
    for queue in QUEUES:
        url = env[f"{queue}_QUEUE_URL"]
        found[f"{queue.lower()}_queue"] = lambda url=url: sqs.get_queue_attributes(
            QueueUrl=url, AttributeNames=["QueueArn"]
        )  # type: ignore[misc]
    return found

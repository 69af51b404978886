"""S3 notifications, by way of the uploads queue: each put becomes a job, once."""

from __future__ import annotations

import json
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from wiring import arrive

from antiphon.speech.arrive import arrival_of

logger = Logger(service="intake", use_rfc3339=True, utc=True)


def take(record: SQSRecord) -> None:
    body = json.loads(record.body)
    if body.get("Event") == "s3:TestEvent":
        logger.info("test event")
        return
    for notified in body["Records"]:
        if notified["eventName"].startswith("ObjectCreated:"):
            arrival = arrival_of(notified)
            outcome = arrive()(arrival)
            logger.info(
                "arrival", outcome=outcome, place=arrival.key.split("/", 1)[0], user_id=arrival.key.split("/", 2)[1:2]
            )


def handler(event: dict[str, Any], context: Any) -> PartialItemFailureResponse:
    # A processor per invocation: it keeps the failures of its batch.
    processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
    return process_partial_response(event=event, record_handler=take, processor=processor, context=context)

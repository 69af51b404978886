"""S3 notifications, by way of the uploads queue: each put becomes a job, once."""

from __future__ import annotations

import json
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from wiring import arrive

from antiphon.platform.segments import part_of_trace
from antiphon.speech.arrive import arrival_of
from antiphon.speech.model import Job

logger = Logger(service="intake", use_rfc3339=True, utc=True)


def take(record: SQSRecord) -> None:
    body = json.loads(record.body)
    if body.get("Event") == "s3:TestEvent":
        logger.info("test event")
        return
    for notified in body["Records"]:
        if notified["eventName"].startswith("ObjectCreated:"):
            arrival = arrival_of(notified)
            jobs: list[Job] = []
            with part_of_trace("arrive") as part:
                outcome = arrive()(arrival, jobs.append)
                part.job_id = jobs[0].id if jobs else None
            place, _, rest = arrival.key.partition("/")
            logger.info(
                "arrival",
                outcome=outcome,
                place=place,
                user_id=rest.partition("/")[0],
                job_id=jobs[0].id if jobs else None,
                request_id=jobs[0].request_id if jobs else None,
            )


def handler(event: dict[str, Any], context: Any) -> PartialItemFailureResponse:
    # A processor per invocation: it keeps the failures of its batch.
    processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
    return process_partial_response(event=event, record_handler=take, processor=processor, context=context)

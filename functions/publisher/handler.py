"""The table's stream: each new event goes to the queues of those who wait for it. Everything slow or retried happens behind those queues."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.dynamo_db_stream_event import DynamoDBRecord
from wiring import publisher, set_aside

from antiphon.platform.outbox import event_of_image
from antiphon.platform.segments import job_of, part_of_trace

DEFECTS = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""What our own code raises over a row that it cannot read; what AWS and the network raise is none of these."""

logger = Logger(service="publisher", use_rfc3339=True, utc=True)


def forward(record: DynamoDBRecord) -> None:
    if record.raw_event["eventName"] == "REMOVE":
        remove(record)
        return
    image = record.raw_event["dynamodb"].get("NewImage", {})
    if record.raw_event["eventName"] != "INSERT" or image.get("row") != {"S": "event"}:
        return
    work = publisher()  # that it cannot be put together is not the row's fault
    try:
        event = event_of_image(image)
        with part_of_trace("publish", job_of(event.dispatch and event.dispatch.job_id, event.data.get("id"))):
            deliveries = work.publish(event)
    except DEFECTS as defect:
        # Trying again would not help, and would keep all events behind it waiting.
        logger.exception("set aside", event_id=image["sk"]["S"])
        set_aside()(image["pk"]["S"], image["sk"]["S"], type(defect).__name__)
        return
    except Exception:
        logger.exception("not published", event_id=image["sk"]["S"])
        raise
    logger.info(
        "published",
        event_id=event.id,
        type=event.type,
        user_id=event.user_id,
        job_id=event.dispatch.job_id if event.dispatch else None,
        request_id=event.request_id,
        deliveries=deliveries,
    )


def remove(record: DynamoDBRecord) -> None:
    keys = record.raw_event["dynamodb"]["Keys"]
    try:
        publisher().removed(keys["pk"]["S"], keys["sk"]["S"])
    except Exception:
        logger.exception("not taken out of the index", sk=keys["sk"]["S"])
        raise


def handler(event: dict[str, Any], context: Any) -> PartialItemFailureResponse:
    # A processor per invocation: it keeps the failures of its batch.
    processor = BatchProcessor(event_type=EventType.DynamoDBStreams, raise_on_entire_batch_failure=False)
    return process_partial_response(event=event, record_handler=forward, processor=processor, context=context)

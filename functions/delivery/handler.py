"""The deliveries queue: each message is one attempt of one delivery."""

from __future__ import annotations

import json
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from wiring import deliverer

from antiphon.platform.segments import job_of, part_of_trace
from antiphon.webhooks.model import Delivery, Errand

logger = Logger(service="delivery", use_rfc3339=True, utc=True)


def attempt(record: SQSRecord) -> None:
    attribute = record.message_attributes["request_id"]
    request_id = attribute.string_value if attribute else None
    try:
        errand = Errand(**json.loads(record.body))
        with part_of_trace("deliver") as part:
            delivery = deliverer().deliver(errand, request_id=request_id)
            part.job_id = job_told(delivery) if delivery else None
    except Exception:
        logger.exception("not attempted", message_id=record.message_id, request_id=request_id)
        raise
    last = delivery.attempts[-1].outcome if delivery and delivery.attempts else None
    logger.info(
        "delivery",
        delivery_id=delivery.id if delivery else None,
        status=delivery.status.value if delivery else "nothing to do",
        event_id=errand.event_id,
        user_id=errand.user_id,
        attempt=errand.attempt,
        manual=errand.manual is not None,
        status_code=last.status_code if last else None,
        error=last.error if last else None,
        ms=last.duration_ms if last else None,
        request_id=request_id,
    )


def job_told(delivery: Delivery) -> str | None:
    """The job that the event is about."""
    return job_of(json.loads(delivery.body)["data"].get("id"))


def handler(event: dict[str, Any], context: Any) -> PartialItemFailureResponse:
    # A processor per invocation: it keeps the failures of its batch.
    processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
    return process_partial_response(event=event, record_handler=attempt, processor=processor, context=context)

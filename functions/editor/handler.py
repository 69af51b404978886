"""The edits queue: recordings are inspected when they arrive, and edited when somebody asks for it."""

from __future__ import annotations

import json
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext
from wiring import wiring

from antiphon.media.items import INSPECTION
from antiphon.platform.segments import part_of_trace
from antiphon.speech.model import Kind
from antiphon.work.queue import Message

logger = Logger(service="editor", use_rfc3339=True, utc=True)


class Later(Exception):
    """The message stays in the queue; when it is seen again was told to the queue."""


def take(record: SQSRecord, lambda_context: LambdaContext) -> None:
    try:
        _take(record, lambda_context)
    except Later:
        raise
    except Exception:
        logger.exception("message failed", message_id=record.message_id)
        raise


def _take(record: SQSRecord, lambda_context: LambdaContext) -> None:
    body = json.loads(record.body)
    if body["kind"] == INSPECTION:
        outcome = wiring().look(body["user_id"], body["job_id"])
        logger.info("inspected", outcome=outcome, media_id=body["job_id"], user_id=body["user_id"])
        return
    request = record.message_attributes["request_id"]  # None where there is none
    message = Message(
        id=record.message_id,
        receipt=record.receipt_handle,
        user_id=body["user_id"],
        kind=Kind(body["kind"]),
        job_id=body["job_id"],
        request_id=request.string_value if request else None,
    )
    with part_of_trace("work", message.job_id):
        outcome = wiring().deliver(message, lambda_context.get_remaining_time_in_millis() / 1000)
    logger.info("edit left", outcome=outcome.what, job_id=message.job_id, request_id=message.request_id)
    if outcome.what != "deleted":
        raise Later(outcome.what)


def handler(event: dict[str, Any], context: Any) -> PartialItemFailureResponse:
    # A processor per invocation: it keeps the failures of its batch.
    processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
    return process_partial_response(event=event, record_handler=take, processor=processor, context=context)

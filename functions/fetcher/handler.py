"""The fetch queue: each message is a recording at a customer's address."""

from __future__ import annotations

import json
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from wiring import fetch, queue

from antiphon.platform.segments import part_of_trace
from antiphon.speech.fetch import Again
from antiphon.speech.model import Kind

logger = Logger(service="fetcher", use_rfc3339=True, utc=True)


def take(record: SQSRecord) -> None:
    body = json.loads(record.body)
    tries = int(record.attributes.approximate_receive_count)
    try:
        with part_of_trace("fetch", body["job_id"]):
            outcome = fetch()(body["user_id"], Kind.TRANSCRIPTION, body["job_id"], tries)
    except Again as again:
        client, url = queue()
        client.change_message_visibility(
            QueueUrl=url, ReceiptHandle=record.receipt_handle, VisibilityTimeout=again.seconds
        )
        logger.info("fetch", outcome="again", job_id=body["job_id"], tries=tries, seconds=again.seconds)
        raise
    logger.info("fetch", outcome=outcome, job_id=body["job_id"], user_id=body["user_id"], tries=tries)


def handler(event: dict[str, Any], context: Any) -> PartialItemFailureResponse:
    # A processor per invocation: it keeps the failures of its batch.
    processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
    return process_partial_response(event=event, record_handler=take, processor=processor, context=context)

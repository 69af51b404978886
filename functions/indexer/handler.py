"""The index queue: each message is something new to be found, or something gone."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from wiring import keep

from antiphon.search.sqs import errand_of

logger = Logger(service="indexer", use_rfc3339=True, utc=True)


def index(record: SQSRecord) -> None:
    attribute = record.message_attributes["request_id"]
    request_id = attribute.string_value if attribute else None
    try:
        errand = errand_of(record.body)
        parts = keep()(errand)
    except Exception:
        logger.exception("not indexed", message_id=record.message_id, request_id=request_id)
        raise
    logger.info(
        "indexed",
        kind=errand.kind.value,
        parent=errand.parent,
        parts=parts,
        user_id=errand.user_id,
        request_id=request_id,
    )


def handler(event: dict[str, Any], context: Any) -> PartialItemFailureResponse:
    # A processor per invocation: it keeps the failures of its batch.
    processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
    return process_partial_response(event=event, record_handler=index, processor=processor, context=context)

"""The runs queue: each message is one look at one run. It goes on as far as it can, and says when to look again."""

from __future__ import annotations

import json
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from wiring import work

from antiphon.platform.segments import part_of_trace

logger = Logger(service="agent", use_rfc3339=True, utc=True)


def handler(event: dict[str, Any], context: Any) -> PartialItemFailureResponse:
    def remaining() -> float:
        return float(context.get_remaining_time_in_millis()) / 1000

    def look(record: SQSRecord) -> None:
        attribute = record.message_attributes["request_id"]
        request_id = attribute.string_value if attribute else None
        try:
            message = json.loads(record.body)
            with part_of_trace("work", message["job_id"]):
                outcome = work()(message["user_id"], message["job_id"], remaining)
        except Exception:
            logger.exception("not worked on", message_id=record.message_id, request_id=request_id)
            raise
        logger.info("run", run_id=message["job_id"], user_id=message["user_id"], outcome=outcome, request_id=request_id)

    # A processor per invocation: it keeps the failures of its batch.
    processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
    return process_partial_response(event=event, record_handler=look, processor=processor, context=context)

"""The queue of documents: each is read by a confined process, and its pages go into the table."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from wiring import wiring

from antiphon.platform.segments import part_of_trace
from antiphon.work.queue import message_of


class NotDone(Exception):
    """The message stays in its queue, for as long hidden as the worker has said."""


def take(record: SQSRecord) -> None:
    message = message_of(record.raw_event)
    with part_of_trace("work", message.job_id):
        outcome = wiring().worker.deliver(wiring().lane, message)
    if outcome.what != "deleted":
        raise NotDone(outcome.what)


def handler(event: dict[str, Any], context: Any) -> PartialItemFailureResponse:
    # A processor per invocation: it keeps the failures of its batch.
    processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
    return process_partial_response(event=event, record_handler=take, processor=processor, context=context)

"""The questions queue: messages that came over a connection are answered there, piece by piece."""

from __future__ import annotations

import asyncio
from functools import cache
from typing import Any

from asked import asked
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from wiring import wiring

from antiphon.platform.problem import internal
from antiphon.realtime.ports import Gone, Slow
from antiphon.realtime.show import error_frame
from antiphon.realtime.sqs import question_of

logger = Logger(service="answerer", use_rfc3339=True, utc=True)


@cache
def runner() -> asyncio.Runner:
    """One loop for all: the clients of the models keep their connections in it."""
    return asyncio.Runner()


def answer(record: SQSRecord) -> None:
    attribute = record.message_attributes["request_id"]
    request_id = (attribute.string_value if attribute else None) or record.message_id
    question = question_of(record.body)
    about = {"user_id": question.user_id, "conversation_id": question.conversation_id, "request_id": request_id}
    try:
        outcome = runner().run(wiring().converse(question, asked(request_id), request_id))
    except Exception:
        # Who asked sits before the screen: told now, and not tried again when nobody waits any more.
        logger.exception("not answered", **about)
        try:
            wiring().sockets.post(question.connection_id, error_frame(internal(), request_id, question.ref))
        except (Gone, Slow):
            logger.info("nobody was told", **about)
        return
    logger.info("answered", outcome=outcome, **about)


def handler(event: dict[str, Any], context: Any) -> PartialItemFailureResponse:
    # A processor per invocation: it keeps the failures of its batch.
    processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
    return process_partial_response(event=event, record_handler=answer, processor=processor, context=context)

"""The mails queue: each message is one mail to the owner of an account."""

from __future__ import annotations

import json
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from wiring import send_mail

from antiphon.identity.mail import mail_of

logger = Logger(service="mailer", use_rfc3339=True, utc=True)


def send(record: SQSRecord) -> None:
    attribute = record.message_attributes["request_id"]
    request_id = attribute.string_value if attribute else None
    try:
        mail = mail_of(json.loads(record.body))
        done = send_mail()(mail, record.message_id)
    except Exception:
        logger.exception("not sent", message_id=record.message_id, request_id=request_id)
        raise
    # Neither the address nor whether there is anybody of it: logs are read by more people than accounts.
    logger.info(
        "mail", kind=mail.kind.value, user_id=mail.user_id, done=done if mail.user_id else None, request_id=request_id
    )


def handler(event: dict[str, Any], context: Any) -> PartialItemFailureResponse:
    # A processor per invocation: it keeps the failures of its batch.
    processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
    return process_partial_response(event=event, record_handler=send, processor=processor, context=context)

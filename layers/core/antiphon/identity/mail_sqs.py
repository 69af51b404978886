"""Mails to send, in SQS, and mails sent, by SES."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from antiphon.identity.letters import Letter
from antiphon.identity.mail import Mail
from antiphon.platform.trace import sent_with

if TYPE_CHECKING:
    from mypy_boto3_sesv2 import SESV2Client
    from mypy_boto3_sqs import SQSClient
else:
    SQSClient = SESV2Client = Any


class SqsMails:
    def __init__(self, client: SQSClient, url: str) -> None:
        self._sqs = client
        self._url = url

    def send(self, mail: Mail, *, request_id: str | None = None) -> None:
        body = {"kind": mail.kind.value, "user_id": mail.user_id, "email": mail.email, "about": mail.about}
        self._sqs.send_message(QueueUrl=self._url, MessageBody=json.dumps(body), **sent_with(request_id))


class SesPost:
    """sender: the From address; SES has to know it."""

    def __init__(self, client: SESV2Client, sender: str) -> None:
        self._ses = client
        self._sender = sender

    def deliver(self, to: str, letter: Letter) -> None:
        self._ses.send_email(
            FromEmailAddress=self._sender,
            Destination={"ToAddresses": [to]},
            Content={
                "Simple": {
                    "Subject": {"Data": letter.subject, "Charset": "UTF-8"},
                    "Body": {
                        "Text": {"Data": letter.text, "Charset": "UTF-8"},
                        "Html": {"Data": letter.html, "Charset": "UTF-8"},
                    },
                }
            },
        )

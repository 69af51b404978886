"""Dead letters back to the queue they came from.

Own code, because SQS's message move task keeps no attributes in the emulator's reach and knows nothing of the job behind a message: a lane's dead
letter belongs to a failed job, and sending it alone would end at once. At least once: a crash between send and delete sends twice, and every
consumer of ours is idempotent.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
else:
    SQSClient = Any

HIDDEN = 60
"""Seconds for which a letter is ours while it is sent again."""


def send_back(client: SQSClient, queue_url: str, message: dict[str, Any]) -> None:
    """To the queue it came from, with its body, attributes, group and, in a FIFO queue, the id that it is known by."""
    known = message.get("Attributes", {})
    client.send_message(
        QueueUrl=queue_url,
        MessageBody=message["Body"],
        MessageAttributes=message.get("MessageAttributes", {}),
        **{name: known[name] for name in ("MessageGroupId", "MessageDeduplicationId") if name in known},
    )


def redrive(
    client: SQSClient, dead_letters_url: str, again: Callable[[dict[str, Any]], None], *, most: int = 10_000
) -> int:
    """Do ``again`` for each dead letter and delete it; gives their number. A letter whose ``again`` raises stays, and the error is the caller's."""
    done = 0
    while done < most:
        answer = client.receive_message(
            QueueUrl=dead_letters_url,
            MaxNumberOfMessages=min(10, most - done),
            VisibilityTimeout=HIDDEN,
            MessageAttributeNames=["All"],
            MessageSystemAttributeNames=["All"],
        )
        messages = answer.get("Messages", [])
        if not messages:
            return done
        for message in messages:
            again(dict(message))
            client.delete_message(QueueUrl=dead_letters_url, ReceiptHandle=message["ReceiptHandle"])
            done += 1
    return done

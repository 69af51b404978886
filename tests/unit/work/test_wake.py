"""What wakes a synthesizer to make samples at a deployment."""

from __future__ import annotations

from typing import Any

from antiphon.speech.model import Kind
from antiphon.work.queue import message_of
from antiphon.work.worker import Outcome
from infra.voices import wake
from tests.unit.work.conftest import Bench


class Queue:
    def send_message(self, **sent: Any) -> None:
        self.sent = sent


def test_a_message_of_no_job_is_read_and_deleted_without_work(bench: Bench) -> None:
    queue = Queue()
    wake(queue, "https://queue")
    assert queue.sent["QueueUrl"] == "https://queue"
    message = message_of(
        {
            "messageId": "m",
            "receiptHandle": "r",
            "body": queue.sent["MessageBody"],
            "attributes": {"ApproximateReceiveCount": "1"},
        }
    )
    assert message.kind is Kind.SPEECH
    bench.standard.send(message)
    assert bench.handle() == Outcome("deleted")
    assert bench.work.ran == bench.store.events == []

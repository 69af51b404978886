"""What of the table's changes concerns the index."""

from __future__ import annotations

from datetime import UTC, datetime

from antiphon.identity.mail_memory import MemoryMails
from antiphon.platform.events import Event
from antiphon.realtime.memory import nobody
from antiphon.search.memory import MemoryIndexQueue
from antiphon.search.model import Errand, Kind
from antiphon.search.sqs import SqsIndexQueue, errand_of
from antiphon.speech.memory import MemoryJobStore
from antiphon.tally.memory import MemoryTally
from antiphon.webhooks.memory import MemoryDeliveryQueue, MemoryEndpointStore, MemoryLanes
from antiphon.webhooks.publish import Publisher

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def test_what_can_be_found_goes_to_the_index_and_what_is_gone_leaves_it() -> None:
    index = MemoryIndexQueue()
    publisher = Publisher(
        MemoryEndpointStore(),
        MemoryLanes(),
        MemoryDeliveryQueue(),
        MemoryMails(),
        index,
        MemoryJobStore(),
        nobody(),
        MemoryTally(),
    )
    publisher.publish(Event("evt_1", "usr_1", "message.created", NOW, {"id": "msg_1", "conversation_id": "conv_1"}))
    publisher.publish(Event("evt_2", "usr_1", "transcription.succeeded", NOW, {"id": "job_1"}))
    publisher.publish(Event("evt_3", "usr_1", "transcription.started", NOW, {"id": "job_1"}))
    assert publisher.removed("user#usr_1", "conv#conv_1")
    assert not publisher.removed("user#usr_1", "preset#pre_1")
    new = [Errand("usr_1", Kind.MESSAGE, "conv_1", "msg_1"), Errand("usr_1", Kind.TRANSCRIPT, "job_1")]
    assert index.sent == [*new, Errand("usr_1", Kind.MESSAGE, "conv_1")]


def test_an_errand_survives_its_queue() -> None:
    sent = []

    class Client:
        def send_message(self, **message: object) -> None:
            sent.append(message)

    errand = Errand("usr_1", Kind.TRANSCRIPT, "job_1")
    SqsIndexQueue(Client(), "url").send(errand, request_id="req")
    assert errand_of(str(sent[0]["MessageBody"])) == errand
    assert sent[0]["MessageGroupId"] == "usr_1"

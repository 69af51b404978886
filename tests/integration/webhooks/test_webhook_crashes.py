"""Publisher, delivery and sweep stopped at their n-th AWS call, for every n: before the call, after it, and with its answer lost."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest

from antiphon.identity.mail_memory import MemoryMails
from antiphon.platform.events import Dispatch, Event
from antiphon.platform.ids import derived_id
from antiphon.platform.outbox import EventRow, event_row
from antiphon.platform.table import Table
from antiphon.realtime.memory import nobody
from antiphon.search.memory import MemoryIndexQueue
from antiphon.speech.memory import MemoryJobStore
from antiphon.tally.dynamo import DynamoTally
from antiphon.webhooks.deliver import Deliverer
from antiphon.webhooks.dynamo import DynamoDeliveryStore, DynamoEndpointStore, DynamoEventStore
from antiphon.webhooks.memory import MemoryVault
from antiphon.webhooks.model import CALLBACK, Endpoint, Errand, Outcome, delivery_id, place_of
from antiphon.webhooks.publish import Publisher
from antiphon.webhooks.secrets import Secrets
from antiphon.webhooks.slots_dynamo import DynamoSlots
from antiphon.webhooks.sqs import SqsDeliveryQueue, SqsLanes
from antiphon.webhooks.sweep import SweepDeliveries
from tests.contract.conftest import REGION
from tests.faults import KINDS, Crash, Faults


@dataclass
class Wire:
    """Fails the first request of each endpoint, takes the later ones."""

    posted: list[tuple[str, str, bytes]] = field(default_factory=list)

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Outcome:
        first = all(seen != url for seen, _, _ in self.posted)
        self.posted.append((url, headers["webhook-id"], body))
        return Outcome(503 if first else 200, None, len(self.posted))


class Rows:
    """The stores of all runs: each holds SDK clients, which are slow to make."""

    def __init__(self, table: Table) -> None:
        self.endpoints, self.deliveries, self.events = (
            DynamoEndpointStore(table),
            DynamoDeliveryStore(table),
            DynamoEventStore(table),
        )
        self.outbox, self.slots, self.tally = table.bind(EventRow), DynamoSlots(table), DynamoTally(table)


class Run:
    """One event of one user of its own, carried to its end by what Lambda and the schedule do: repeat what crashed, call the sweep."""

    def __init__(self, rows: Rows, sqs: Any, urls: dict[str, str], faults: Faults, number: int) -> None:
        self.now = datetime(2026, 11, 20, 12, 0, tzinfo=UTC) + timedelta(days=number)
        self.user, self.faults, self.sqs, self.urls = f"usr_{number:026d}", faults, sqs, urls
        self.endpoints, self.deliveries, self.tally = rows.endpoints, rows.deliveries, rows.tally
        self.queue = SqsDeliveryQueue(sqs, urls["deliveries"])
        self.wire = Wire()
        endpoint_id = derived_id("whk", self.now, self.user)
        secrets = Secrets(MemoryVault(), lambda: self.now)
        secret, _ = secrets.make(place_of(self.user, endpoint_id))
        self.endpoint = self.endpoints.create(
            Endpoint(endpoint_id, self.user, "https://a.example.com", ("*",), self.now, (secret,))
        )
        self.event = Event(
            derived_id("evt", self.now, self.user), self.user, "speech.queued", self.now, {"id": "job_1"},
            Dispatch("speech", "standard", f"job_{number}"), "https://b.example.com", counts={"speech_accepted": 1},
        )  # fmt: skip
        event_row(rows.outbox, self.event).save()
        clock: Callable[[], datetime] = lambda: self.now  # noqa: E731
        self.publisher = Publisher(
            self.endpoints,
            SqsLanes(sqs, {("speech", "standard"): urls["speech"]}),
            self.queue,
            MemoryMails(),
            MemoryIndexQueue(),
            MemoryJobStore(),
            nobody(),
            self.tally,
        )
        self.deliverer = Deliverer(
            self.endpoints, secrets, self.deliveries, rows.events, self.queue, rows.slots, self.wire, clock, lambda: 0.5
        )
        self.sweep = SweepDeliveries(self.deliveries, self.queue, clock)

    def survives(self, work: Callable[[], object]) -> bool:
        try:
            with self.faults.watched():
                work()
        except Crash:
            return False
        return True

    def to_the_end(self) -> None:
        while not self.survives(lambda: self.publisher.publish(self.event)):
            pass
        for _ in range(3):
            self.drain()
            self.now += timedelta(minutes=6)
            self.survives(self.sweep)

    def drain(self) -> None:
        while found := self.sqs.receive_message(
            QueueUrl=self.urls["deliveries"], MaxNumberOfMessages=10, VisibilityTimeout=0
        ).get("Messages"):
            for message in found:
                errand = Errand(**json.loads(message["Body"]))
                self.now += timedelta(seconds=1)
                if self.survives(lambda errand=errand: self.deliverer.deliver(errand)):  # type: ignore[misc]
                    self.sqs.delete_message(QueueUrl=self.urls["deliveries"], ReceiptHandle=message["ReceiptHandle"])

    def check(self) -> None:
        where = f"{self.faults.kind} {self.faults.struck} (call {self.faults.at})"
        lane = self.sqs.receive_message(QueueUrl=self.urls["speech"], MaxNumberOfMessages=10).get("Messages", [])
        assert {json.loads(m["Body"])["user_id"] for m in lane} == {self.user}, where
        for message in lane:
            self.sqs.delete_message(QueueUrl=self.urls["speech"], ReceiptHandle=message["ReceiptHandle"])
        for endpoint_id, url in ((self.endpoint.id, "https://a.example.com"), (CALLBACK, "https://b.example.com")):
            posted = [(identity, body) for to, identity, body in self.wire.posted if to == url]
            assert 2 <= len(posted) <= 3, where
            assert {identity for identity, _ in posted} == {self.event.id}, where
            assert len({body for _, body in posted}) == 1, where
            found = self.deliveries.get(self.user, endpoint_id, delivery_id(self.event.id, endpoint_id))
            assert found is not None, where
            assert (found.status, found.due_at) == ("succeeded", None), where
            assert [a.number for a in found.attempts] == list(range(1, found.planned + 1)), where
        assert list(self.deliveries.due(self.now + timedelta(days=1))) == [], where
        day = self.event.timestamp
        (hour,) = self.tally.hours(day, day + timedelta(hours=1))
        assert hour.counts == {"speech_accepted": 1, "deliveries": 2}, where


@pytest.mark.parametrize("kind", KINDS)
def test_whatever_call_is_the_last_the_receiver_hears_of_the_change_once(
    kind: str, table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    """W-21, Q-10, Q-20: at least one request, exactly one webhook-id and one body, each attempt once in the log, nothing left that is due, and it is counted once (Q-12)."""
    sqs = boto3.client("sqs", region_name=REGION)
    # The clock of the queue is not ours to move: its delays are left out here and held by test_deliver.py.
    sqs.meta.events.register("provide-client-params.sqs.SendMessage", lambda params, **_: {**params, "DelaySeconds": 0})
    urls = {name: sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("deliveries", "speech")}
    faults, rows = Faults(monkeypatch), Rows(table)
    struck: list[str] = []
    for number in range(1, 200):
        faults.arm(number, kind)
        run = Run(rows, sqs, urls, faults, number)
        run.to_the_end()
        run.check()
        if not faults.struck:
            break
        struck.append(faults.struck)
    print(f"{len(struck)} crash points, {kind}: {', '.join(sorted(set(struck)))}")
    assert {"SendMessage", "PutItem", "GetItem", "Query", "TransactWriteItems"} <= set(struck)
    assert len(struck) >= 25

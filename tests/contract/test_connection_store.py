"""T-03: the fake and the real store of connections pass one suite; so do the logs of events, and what the queues hold."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from antiphon.identity.dynamo import DynamoUsers
from antiphon.identity.model import User
from antiphon.platform.events import Event
from antiphon.platform.outbox import EventRow, event_row
from antiphon.platform.request import Caller
from antiphon.platform.table import Table
from antiphon.realtime.dynamo import DynamoConnections, DynamoEventLog
from antiphon.realtime.memory import MemoryConnections, MemoryEventLog
from antiphon.realtime.model import Connection
from antiphon.realtime.ports import News, NotWelcome, Question, Replay
from antiphon.realtime.sqs import SqsPushQueue, SqsQuestionQueue, push_of, question_of

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
Store = MemoryConnections | DynamoConnections
KEY = Caller("usr_1", "premium", "user", frozenset({"chat:read", "speech:read"}), "key_1")


@pytest.fixture(params=["memory", "dynamo"])
def store(request: pytest.FixtureRequest) -> Store:
    if request.param == "memory":
        memory = MemoryConnections()
        memory.unwelcome.add("usr_9")
        return memory
    table = request.getfixturevalue("table")
    for number in (1, 2):
        DynamoUsers(table).create(User(f"usr_{number}", f"u{number}@example.com", "", NOW))
    return DynamoConnections(table)


def connection(name: str = "c1=", user: str = "usr_1", seconds: float = 0, **changes: Any) -> Connection:
    at = NOW + timedelta(seconds=seconds)
    caller = Caller(user, "free", session_id="ses_1")
    return replace(Connection(name, user, caller, at, at + timedelta(minutes=15), at), **changes)


def test_a_connection_is_kept_whole(store: Store) -> None:
    made = connection(
        caller=KEY,
        key_hash="hash",
        address="192.0.2.7",
        channels=frozenset({"jobs"}),
        waiting=frozenset({"conv_1"}),
        progressed={"job_1": 1_795_000_000_123},
    )
    store.open(made)
    assert store.get("usr_1", "c1=") == made
    assert store.of_user("usr_1") == [made]
    assert (store.get("usr_1", "c2="), store.get("usr_2", "c1="), list(store.of_user("usr_2"))) == (None, None, [])


def test_the_connections_of_a_user_are_given_the_oldest_first(store: Store) -> None:
    for name, seconds in (("a", 2), ("b", 1), ("c", 3)):
        store.open(connection(name, seconds=seconds))
    store.open(connection("d", "usr_2"))
    assert [c.id for c in store.of_user("usr_1")] == ["b", "a", "c"]


def test_who_may_not_come_in_gets_none(store: Store) -> None:
    with pytest.raises(NotWelcome):
        store.open(connection(user="usr_9"))
    assert store.get("usr_9", "c1=") is None


def test_channels_are_added_and_taken_away_one_by_one(store: Store) -> None:
    made = connection()
    store.open(made)
    store.listen(made, {"jobs", "conv_1"}, waiting=False)
    store.listen(made, {"conv_2"}, waiting=False)
    store.ignore(made, {"conv_1", "conv_9"})
    found = store.get("usr_1", "c1=")
    assert found is not None
    assert (found.channels, found.waiting) == ({"jobs", "conv_2"}, set())
    store.ignore(made, {"jobs", "conv_2"})
    assert store.get("usr_1", "c1=") == made


def test_a_channel_whose_replay_runs_is_not_live_before_its_end(store: Store) -> None:
    made = connection()
    store.open(made)
    store.listen(made, {"jobs"}, waiting=False)
    store.listen(made, {"jobs", "conv_1"}, waiting=True)
    found = store.get("usr_1", "c1=")
    assert found is not None
    assert (found.channels, found.waiting) == (set(), {"jobs", "conv_1"})
    store.ignore(made, {"conv_1"})
    assert not store.caught_up(made, {"jobs", "conv_1"})
    assert store.caught_up(made, {"jobs"})
    assert not store.caught_up(made, {"jobs"})
    found = store.get("usr_1", "c1=")
    assert found is not None
    assert (found.channels, found.waiting) == ({"jobs"}, set())


def test_messages_of_a_minute_are_counted_exactly(store: Store) -> None:
    """A-29: also when many come at the same time."""
    made = connection()
    store.open(made)

    def count(minute: int) -> bool:
        try:
            return store.count("usr_1", "c1=", minute, 5) == made
        except OverflowError:
            return False

    first = [count(7) for _ in range(3)]
    if isinstance(store, DynamoConnections):
        with ThreadPoolExecutor(4) as pool:
            first += list(pool.map(count, [7] * 6))
    else:
        first += [count(7) for _ in range(6)]
    assert (first.count(True), first.count(False)) == (5, 4)
    assert count(8)
    assert store.count("usr_1", "nobody", 8, 5) is None


def test_what_was_looked_at_and_pushed_is_remembered(store: Store) -> None:
    made = connection()
    store.open(made)
    later = NOW + timedelta(minutes=1)
    now = Caller("usr_1", "premium", "user", frozenset({"chat:read"}), session_id="ses_1")
    store.checked(made, now, later)
    store.progressed(made, {"job_1": 5})
    assert store.get("usr_1", "c1=") == replace(made, caller=now, checked_at=later, progressed={"job_1": 5})
    store.progressed(made, {})
    found = store.get("usr_1", "c1=")
    assert found is not None
    assert found.progressed == {}


def test_a_connection_that_is_gone_stays_gone(store: Store) -> None:
    made = connection()
    store.open(made)
    store.close(made)
    store.close(made)
    changes: list[Callable[[], object]] = [
        lambda: store.listen(made, {"jobs"}, waiting=False),
        lambda: store.ignore(made, {"jobs"}),
        lambda: store.checked(made, KEY, NOW),
        lambda: store.progressed(made, {"job_1": 5}),
        lambda: store.caught_up(made, {"jobs"}),
    ]
    for change in changes:
        change()
    assert store.get("usr_1", "c1=") is None


def test_those_whose_time_is_over_are_found(store: Store) -> None:
    for number in range(6):
        store.open(connection(f"c{number}", seconds=number * 60))
    found = store.expired(NOW + timedelta(minutes=17))
    assert sorted(c.id for c in found) == ["c0", "c1", "c2"]


@pytest.fixture(params=["memory", "dynamo"])
def log(request: pytest.FixtureRequest) -> tuple[Any, Callable[[Event], None]]:
    if request.param == "memory":
        memory = MemoryEventLog()
        return memory, memory.events.append
    table: Table = request.getfixturevalue("table")
    rows = table.bind(EventRow)
    return DynamoEventLog(table), lambda event: event_row(rows, event).save() and None


def test_events_are_read_in_order_from_an_id_on(log: tuple[Any, Callable[[Event], None]]) -> None:
    events, write = log
    made = [Event(f"evt_{n}", "usr_1", "speech.queued", NOW, {"id": f"job_{n}"}, request_id="req_1") for n in range(5)]
    for event in reversed(made):
        write(event)
    write(Event("evt_3x", "usr_2", "speech.queued", NOW, {}))
    assert list(events.after("usr_1", "evt_1", 10)) == made[2:]
    assert list(events.after("usr_1", "evt_", 2)) == made[:2]
    assert list(events.after("usr_1", "evt_4", 2)) == []


URL = "https://sqs.us-east-1.amazonaws.com/123456789012/q"


def sent(send: Callable[[Any], None]) -> dict[str, Any]:
    """What goes to SQS, held against the SDK's own model of the call."""
    client = boto3.client("sqs", region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test")
    seen: dict[str, Any] = {}
    client.meta.events.register("provide-client-params.sqs.SendMessage", lambda params, **_: seen.update(params))
    with Stubber(client) as stub:
        stub.add_response("send_message", {"MessageId": "m", "SequenceNumber": "1"})
        send(client)
    return seen


def test_an_event_goes_to_the_group_of_its_user_once() -> None:
    event = Event("evt_1", "usr_1", "speech.queued", NOW, {"id": "job_1", "metadata": {"a": 1}})
    message = sent(lambda client: SqsPushQueue(client, URL).send(News(event), request_id="req_1"))
    assert (message["MessageGroupId"], message["MessageDeduplicationId"]) == ("usr_1", "evt_1")
    assert message["MessageAttributes"]["request_id"]["StringValue"] == "req_1"
    assert push_of(message["MessageBody"]) == News(event)


def test_each_page_of_a_replay_is_a_message_of_its_own() -> None:
    replay = Replay("usr_1", "c1=", frozenset({"jobs", "conv_1"}), "evt_1")
    first, second = (sent(lambda client: SqsPushQueue(client, URL).send(replay)) for _ in range(2))
    assert push_of(first["MessageBody"]) == replay
    assert first["MessageDeduplicationId"] != second["MessageDeduplicationId"]


def test_a_question_survives_its_queue() -> None:
    question = Question("usr_1", "c1=", "free", "conv_1", {"content": "שלום"}, "01ARZ3NDEKTSV4RRFFQ69G5FAV", "q")
    message = sent(lambda client: SqsQuestionQueue(client, URL).send(question))
    assert question_of(message["MessageBody"]) == question
    assert json.loads(message["MessageBody"])["body"] == {"content": "שלום"}

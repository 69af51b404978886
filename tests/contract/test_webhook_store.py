"""T-03: the fakes and the real stores of webhooks pass one suite."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.endpoint import Endpoint as Wire
from botocore.exceptions import ReadTimeoutError

from antiphon.platform.events import Dispatch, Event
from antiphon.platform.ids import derived_id
from antiphon.platform.outbox import EventRow, event_row
from antiphon.webhooks.dynamo import DynamoDeliveryStore, DynamoEndpointStore, DynamoEventStore
from antiphon.webhooks.memory import MemoryDeliveryStore, MemoryEndpointStore, MemoryEventStore, MemorySlots
from antiphon.webhooks.model import (
    CALLBACK,
    KEEP,
    OVERLAP,
    SLOT_FOR,
    SLOTS,
    Delivery,
    Endpoint,
    Failing,
    Keyring,
    Outcome,
    Secret,
    attempted,
    begin,
    canceled,
    next_errand,
    swept,
)
from antiphon.webhooks.ports import DeliveryStore, EndpointStore, EventStore, Slots, Stale
from antiphon.webhooks.slots_dynamo import DynamoSlots

NOW = datetime(2026, 11, 20, 12, 0, 0, 123000, tzinfo=UTC)
USER, OTHER = "usr_01", "usr_02"


@pytest.fixture(params=["memory", "dynamo"])
def endpoints(request: pytest.FixtureRequest) -> EndpointStore:
    return MemoryEndpointStore() if request.param == "memory" else DynamoEndpointStore(request.getfixturevalue("table"))


@pytest.fixture(params=["memory", "dynamo"])
def deliveries(request: pytest.FixtureRequest) -> DeliveryStore:
    return MemoryDeliveryStore() if request.param == "memory" else DynamoDeliveryStore(request.getfixturevalue("table"))


def endpoint(number: int = 1, **changes: Any) -> Endpoint:
    made = Endpoint(
        f"whk_{number:026d}",
        USER,
        "https://hooks.example.com/ü",
        ("speech.*", "media.edited"),
        NOW,
        (Secret(f"key_{number}", "v1.sealed", "whsec_…abcd", NOW),),
        "Öl",
    )
    return replace(made, **changes)


def delivery(number: int = 1, endpoint_id: str = "whk_1", **changes: Any) -> Delivery:
    at = NOW + timedelta(seconds=number)
    event = Event(derived_id("evt", at, str(number)), USER, "speech.succeeded", at, {"id": "job_1", "note": "Grüße 🎙"})
    return replace(begin(event, endpoint_id, "https://hooks.example.com", at), **changes)


def failed(before: Delivery, now: datetime = NOW) -> Delivery:
    return attempted(before, next_errand(before), now, Outcome(500, None, 12, "Störung", "30"), now, 0.5)


def test_an_endpoint_comes_back_as_it_was_written(endpoints: EndpointStore) -> None:
    made = endpoint(active=False, disabled_reason="gone")
    assert endpoints.create(made) == made
    assert endpoints.get(USER, made.id) == made
    assert endpoints.get(OTHER, made.id) is None
    assert endpoints.get(USER, endpoint(2).id) is None


def test_creating_an_endpoint_twice_gives_the_first(endpoints: EndpointStore) -> None:
    first = endpoints.create(endpoint())
    assert endpoints.create(endpoint(secrets=(Secret("other", "v1.other", "whsec_…efgh", NOW),))) == first


def test_the_endpoints_of_a_user_come_newest_first(endpoints: EndpointStore) -> None:
    made = [endpoints.create(endpoint(n)) for n in (2, 3, 1)]
    endpoints.create(endpoint(4, user_id=OTHER))
    endpoints.create_keyring(keyring("1"))
    assert list(endpoints.of_user(USER)) == sorted(made, key=lambda e: e.id, reverse=True)
    assert list(endpoints.of_user("usr_03")) == []


def test_an_endpoint_is_replaced_only_as_it_was_read(endpoints: EndpointStore) -> None:
    first = endpoints.create(endpoint())
    second = replace(first, active=False, disabled_reason="gone", description="", version=2)
    assert endpoints.replace(first, second)
    assert endpoints.get(USER, first.id) == second
    assert not endpoints.replace(first, replace(first, url="https://late.example.com", version=2))
    assert endpoints.get(USER, first.id) == second


def test_an_endpoint_keeps_what_is_known_of_its_failures(endpoints: EndpointStore) -> None:
    """W-17."""
    made = endpoint(failing=Failing(NOW, NOW + KEEP), ended_at=NOW, updated_at=NOW)
    assert endpoints.create(made) == made
    after = replace(made, failing=Failing(NOW, NOW, NOW), version=2)
    assert endpoints.replace(made, after)
    assert endpoints.get(USER, made.id) == after


@pytest.fixture(params=["memory", "dynamo"])
def stores(request: pytest.FixtureRequest) -> tuple[EndpointStore, EventStore]:
    if request.param == "memory":
        memory = MemoryEventStore()
        return MemoryEndpointStore(memory), memory
    table = request.getfixturevalue("table")
    return DynamoEndpointStore(table), DynamoEventStore(table)


def happened(number: int) -> Event:
    at = NOW + timedelta(seconds=number)
    return Event(derived_id("evt", at, str(number)), USER, "webhook.disabled", at, {"id": "whk_1"})


def test_a_change_and_its_event_are_written_together_or_not_at_all(stores: tuple[EndpointStore, EventStore]) -> None:
    """W-16, W-21."""
    endpoints, events = stores
    made = endpoints.create(endpoint())
    off = replace(made, active=False, version=2)
    assert endpoints.replace(made, off, happened(1))
    assert not endpoints.replace(made, replace(off, url="https://late.example.com"), happened(2))
    assert endpoints.get(USER, made.id) == off
    assert list(events.between(USER, NOW, NOW + KEEP)) == [happened(1)]


def test_events_and_deliveries_of_a_range_come_in_order_without_its_end(
    stores: tuple[EndpointStore, EventStore], deliveries: DeliveryStore, request: pytest.FixtureRequest
) -> None:
    """W-19."""
    endpoints, events = stores
    made = endpoints.create(endpoint())
    for number in range(5):
        after = replace(made, version=made.version + 1)
        assert endpoints.replace(made, after, happened(number))
        made = after
    since, until = NOW + timedelta(seconds=1), NOW + timedelta(seconds=4)
    assert list(events.between(USER, since, until)) == [happened(n) for n in (1, 2, 3)]
    assert list(events.between(USER, since, until, newest_first=True)) == [happened(n) for n in (3, 2, 1)]
    assert list(events.between(OTHER, since, until)) == []
    stored = [deliveries.create(delivery(n)) for n in range(5)]
    deliveries.create(delivery(2, "whk_2"))
    assert list(deliveries.between(USER, "whk_1", since, until, NOW)) == stored[1:4]
    assert list(deliveries.between(USER, "whk_1", since, until, NOW + KEEP + timedelta(seconds=2))) == stored[3:4]
    assert list(deliveries.between(USER, CALLBACK, since, until, NOW)) == []


@pytest.fixture(params=["memory", "dynamo"])
def slots(request: pytest.FixtureRequest) -> Slots:
    return MemorySlots() if request.param == "memory" else DynamoSlots(request.getfixturevalue("table"))


def test_an_endpoint_has_its_slots_and_no_other_takes_them(slots: Slots) -> None:
    """W-23."""
    with ThreadPoolExecutor(4) as pool:
        taken = list(pool.map(lambda _: slots.take(USER, "whk_1", NOW), range(SLOTS)))
    while None in taken:  # who was too late three times is put off, though there were some
        taken[taken.index(None)] = slots.take(USER, "whk_1", NOW)
    assert {slot.number for slot in taken if slot} == set(range(SLOTS))
    assert slots.take(USER, "whk_1", NOW) is None
    for user_id, endpoint_id in ((USER, "whk_2"), (USER, CALLBACK), (OTHER, CALLBACK)):
        assert slots.take(user_id, endpoint_id, NOW) is not None
    first = taken[0]
    assert first is not None
    slots.free(first)
    slots.free(first)
    again = slots.take(USER, "whk_1", NOW + timedelta(seconds=1))
    assert again is not None
    assert again.number == first.number
    slots.free(first)
    assert slots.take(USER, "whk_1", NOW + timedelta(seconds=1)) is None


def test_a_slot_whose_holder_died_is_free_when_its_time_is_over(slots: Slots) -> None:
    for _ in range(SLOTS):
        assert slots.take(USER, "whk_1", NOW) is not None
    late = NOW + SLOT_FOR - timedelta(milliseconds=1)
    assert slots.take(USER, "whk_1", late) is None
    assert slots.take(USER, "whk_1", NOW + SLOT_FOR) is not None


def test_a_deleted_endpoint_is_gone_and_stays_so(endpoints: EndpointStore) -> None:
    made = endpoints.create(endpoint())
    assert not endpoints.delete(OTHER, made.id, NOW)
    assert endpoints.delete(USER, made.id, NOW)
    assert not endpoints.delete(USER, made.id, NOW)
    assert endpoints.get(USER, made.id) is None
    assert not endpoints.replace(made, replace(made, active=False))
    assert endpoints.get(USER, made.id) is None


def keyring(name: str, user: str = USER) -> Keyring:
    old = Secret(f"old_{name}", "v1.old", "whsec_…0000", NOW, NOW + OVERLAP)
    return Keyring(user, (Secret(f"new_{name}", "v1.new", "whsec_…1111", NOW + timedelta(seconds=1)), old))


def test_the_keyring_of_an_account_is_made_once(endpoints: EndpointStore) -> None:
    """D8."""
    assert endpoints.keyring(USER) is None
    with ThreadPoolExecutor(4) as pool:
        found = set(pool.map(lambda n: endpoints.create_keyring(keyring(str(n))), range(4)))
    assert len(found) == 1
    assert endpoints.keyring(USER) == found.pop()
    assert endpoints.create_keyring(keyring("theirs", OTHER)) == keyring("theirs", OTHER)


def test_a_keyring_is_replaced_only_as_it_was_read(endpoints: EndpointStore) -> None:
    first = endpoints.create_keyring(keyring("1"))
    second = replace(first, secrets=first.secrets[:1], version=2)
    assert endpoints.replace_keyring(first, second)
    assert not endpoints.replace_keyring(first, replace(first, version=2))
    assert endpoints.keyring(USER) == second
    assert not endpoints.replace_keyring(keyring("1", OTHER), replace(keyring("1", OTHER), version=2))


def test_a_delivery_comes_back_as_it_was_written(deliveries: DeliveryStore) -> None:
    made = deliveries.create(delivery())
    assert made == delivery()
    after = failed(made)
    deliveries.replace(made, after)
    found = deliveries.get(USER, "whk_1", made.id)
    assert found is not None
    assert found.body.encode() == made.body.encode()
    assert found.attempts[0].outcome == Outcome(500, None, 12, "Störung", "30")
    assert found == after
    assert deliveries.find(made.id) == after
    assert deliveries.get(USER, "whk_2", made.id) is None
    assert deliveries.find(delivery(2).id) is None


def test_a_removed_delivery_is_found_by_nobody(deliveries: DeliveryStore) -> None:
    made = deliveries.create(delivery())
    for _ in range(2):
        deliveries.remove(made)
    assert deliveries.get(USER, "whk_1", made.id) is None
    assert deliveries.find(made.id) is None
    with pytest.raises(Stale):
        deliveries.replace(made, failed(made))


def test_creating_a_delivery_twice_gives_the_first(deliveries: DeliveryStore) -> None:
    """W-05: the body of the first stays."""
    first = deliveries.create(delivery())
    after = failed(first)
    deliveries.replace(first, after)
    assert deliveries.create(delivery(body="another")) == after


def test_one_of_two_writers_wins(deliveries: DeliveryStore) -> None:
    first = deliveries.create(delivery())
    deliveries.replace(first, failed(first))
    with pytest.raises(Stale):
        deliveries.replace(first, canceled(first))
    with pytest.raises(Stale):
        deliveries.replace(delivery(2), failed(delivery(2)))


def test_eight_writers_at_once_leave_one_attempt(deliveries: DeliveryStore) -> None:
    """T-02: the condition is on the row, not on luck."""
    first = deliveries.create(delivery())

    def write(number: int) -> bool:
        try:
            outcome = Outcome(500, None, number)
            deliveries.replace(first, attempted(first, next_errand(first), NOW, outcome, NOW, 0.5))
        except Stale:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(write, range(8))) == 1
    found = deliveries.find(first.id)
    assert found is not None
    assert len(found.attempts) == 1


def test_the_log_comes_in_pages_newest_first_and_forgets_what_expired(deliveries: DeliveryStore) -> None:
    """W-20, U-33: filtered on reading, since the table removes late."""
    made = [deliveries.create(delivery(n)) for n in range(1, 6)]
    deliveries.create(delivery(7, "whk_2"))
    seen: list[Delivery] = []
    position: str | None = None
    for _ in range(3):
        page = deliveries.list(USER, "whk_1", NOW, limit=2, position=position)
        seen += page.items
        position = page.position
    assert position is None
    assert seen == made[::-1]
    later = NOW + KEEP + timedelta(seconds=3, milliseconds=500)
    rest = deliveries.list(USER, "whk_1", later, limit=2)
    assert (rest.items, rest.position) == (tuple(made[:2:-1]), None)


def test_callback_deliveries_are_each_users_own(deliveries: DeliveryStore) -> None:
    mine = deliveries.create(delivery(1, CALLBACK))
    theirs = deliveries.create(delivery(2, CALLBACK, user_id=OTHER))
    assert deliveries.list(USER, CALLBACK, NOW, limit=9).items == (mine,)
    assert deliveries.get(OTHER, CALLBACK, mine.id) is None
    assert deliveries.find(theirs.id) == theirs


def test_what_is_due_is_found_by_its_moment_and_nothing_else(deliveries: DeliveryStore) -> None:
    """W-12: the moment of the next attempt is in the table."""
    made = [deliveries.create(delivery(n)) for n in range(1, 9)]
    done = canceled(made[0])
    deliveries.replace(made[0], done)
    moved = swept(made[1], NOW + timedelta(hours=1))
    deliveries.replace(made[1], moved)
    due = made[2].due_at
    assert due is not None
    assert list(deliveries.due(due - timedelta(milliseconds=1))) == []
    assert list(deliveries.due(due)) == [made[2]]
    assert list(deliveries.due(NOW + timedelta(minutes=30))) == made[2:]
    assert list(deliveries.due(NOW + timedelta(days=1))) == [*made[2:], moved]


def test_events_are_read_as_the_outbox_wrote_them(request: pytest.FixtureRequest) -> None:
    at = NOW
    event = Event(
        derived_id("evt", at, "1"),
        USER,
        "speech.queued",
        at,
        {"n": 1},
        Dispatch("speech", "standard", "job_1"),
        "https://x.example",
        "req-1",
    )
    memory = MemoryEventStore()
    memory.put(event)
    table = request.getfixturevalue("table")
    event_row(table.bind(EventRow), event).save()
    for store in (memory, DynamoEventStore(table)):
        assert store.get(USER, event.id) == event
        assert store.get(OTHER, event.id) is None


def test_a_write_whose_answer_was_lost_is_a_write(table: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Q-10, Q-11: botocore's silent second try meets our own row; that is no conflict."""
    endpoints, deliveries = DynamoEndpointStore(table), DynamoDeliveryStore(table)
    lost: list[str] = []
    original = Wire._get_response

    def losing(self: Any, request: Any, operation: Any, context: Any) -> Any:
        answer = original(self, request, operation, context)
        if operation.name in ("PutItem", "TransactWriteItems") and lost.count(operation.name) < limit:
            lost.append(operation.name)
            return None, ReadTimeoutError(endpoint_url="moto", error=TimeoutError())
        return answer

    monkeypatch.setattr(Wire, "_get_response", losing)
    limit = 1
    made = endpoints.create(endpoint())
    assert made == endpoint()
    lost.clear()
    assert endpoints.replace(made, replace(made, active=False, version=2))
    lost.clear()
    assert endpoints.create_keyring(keyring("mine")) == keyring("mine")
    lost.clear()
    assert endpoints.replace_keyring(keyring("mine"), replace(keyring("mine"), version=2))
    lost.clear()
    first = deliveries.create(delivery())
    assert first == delivery()
    assert lost == ["TransactWriteItems"]
    lost.clear()
    odd = NOW + timedelta(microseconds=7)
    after = failed(first, odd)
    deliveries.replace(first, after)
    assert lost == ["PutItem"]
    found = deliveries.find(first.id)
    assert found is not None
    assert found.version == after.version

"""The stores and queues in memory, for tests: the same promises, kept by the same contract suite."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from antiphon.platform.events import Dispatch, Event
from antiphon.platform.ids import time_of
from antiphon.platform.pages import Page
from antiphon.webhooks.model import MAX_QUEUE_DELAY, SLOT_FOR, SLOTS, Delivery, Endpoint, Errand, Keyring, Slot
from antiphon.webhooks.ports import Stale


class MemoryEndpointStore:
    """events: where those go that are written with an endpoint."""

    def __init__(self, events: MemoryEventStore | None = None) -> None:
        self._events = events or MemoryEventStore()
        self._endpoints: dict[tuple[str, str], Endpoint] = {}
        self._keyrings: dict[str, Keyring] = {}

    def create(self, endpoint: Endpoint) -> Endpoint:
        return self._endpoints.setdefault((endpoint.user_id, endpoint.id), endpoint)

    def get(self, user_id: str, endpoint_id: str) -> Endpoint | None:
        return self._endpoints.get((user_id, endpoint_id))

    def of_user(self, user_id: str) -> Sequence[Endpoint]:
        return sorted((e for e in self._endpoints.values() if e.user_id == user_id), key=lambda e: e.id, reverse=True)

    def replace(self, before: Endpoint, after: Endpoint, event: Event | None = None) -> bool:
        found = self.get(before.user_id, before.id)
        if found is None or (found.version != before.version and found != after):
            return False
        self._endpoints[after.user_id, after.id] = after
        if event is not None:
            self._events.put(event)
        return True

    def delete(self, user_id: str, endpoint_id: str, at: datetime) -> bool:
        return self._endpoints.pop((user_id, endpoint_id), None) is not None

    def keyring(self, user_id: str) -> Keyring | None:
        return self._keyrings.get(user_id)

    def create_keyring(self, keyring: Keyring) -> Keyring:
        return self._keyrings.setdefault(keyring.user_id, keyring)

    def replace_keyring(self, before: Keyring, after: Keyring) -> bool:
        found = self.keyring(before.user_id)
        if found is None or (found.version != before.version and found != after):
            return False
        self._keyrings[after.user_id] = after
        return True


class MemoryVault:
    """Seals by naming the place; nobody should be able to read it, so it turns the text around."""

    def seal(self, secret: str, place: str) -> str:
        return f"{place}|{secret[::-1]}"

    def open(self, sealed: str, place: str) -> str:
        where, _, text = sealed.partition("|")
        if where != place:
            raise ValueError("sealed for another place")
        return text[::-1]


class MemoryDeliveryStore:
    def __init__(self) -> None:
        self._deliveries: dict[str, Delivery] = {}

    def create(self, delivery: Delivery) -> Delivery:
        return self._deliveries.setdefault(delivery.id, delivery)

    def get(self, user_id: str, endpoint_id: str, delivery_id: str) -> Delivery | None:
        found = self._deliveries.get(delivery_id)
        return found if found and (found.user_id, found.endpoint_id) == (user_id, endpoint_id) else None

    def find(self, delivery_id: str) -> Delivery | None:
        return self._deliveries.get(delivery_id)

    def replace(self, before: Delivery, after: Delivery) -> None:
        found = self._deliveries.get(before.id)
        if found is None or (found.version != before.version and found != after):
            raise Stale
        self._deliveries[after.id] = after

    def remove(self, delivery: Delivery) -> None:
        self._deliveries.pop(delivery.id, None)

    def list(
        self, user_id: str, endpoint_id: str, now: datetime, *, limit: int, position: str | None = None
    ) -> Page[Delivery]:
        found = [
            d
            for d in self._deliveries.values()
            if (d.user_id, d.endpoint_id) == (user_id, endpoint_id) and d.expires_at > now
        ]
        found = sorted((d for d in found if position is None or d.id < position), key=lambda d: d.id, reverse=True)
        return Page(tuple(found[:limit]), found[limit - 1].id if len(found) > limit else None)

    def between(
        self, user_id: str, endpoint_id: str, since: datetime, until: datetime, now: datetime
    ) -> Iterator[Delivery]:
        found = [
            d
            for d in self._deliveries.values()
            if (d.user_id, d.endpoint_id) == (user_id, endpoint_id)
            and since <= time_of(d.id) < until
            and d.expires_at > now
        ]
        yield from sorted(found, key=lambda d: d.id)

    def due(self, until: datetime) -> Iterator[Delivery]:
        found = [d for d in self._deliveries.values() if d.due_at and d.due_at <= until]
        yield from sorted(found, key=lambda d: d.due_at or until)


class MemoryEventStore:
    def __init__(self) -> None:
        self._events: dict[tuple[str, str], Event] = {}

    def put(self, event: Event) -> None:
        self._events[event.user_id, event.id] = event

    def get(self, user_id: str, event_id: str) -> Event | None:
        return self._events.get((user_id, event_id))

    def between(self, user_id: str, since: datetime, until: datetime, *, newest_first: bool = False) -> Iterator[Event]:
        found = [e for e in self._events.values() if e.user_id == user_id and since <= time_of(e.id) < until]
        yield from sorted(found, key=lambda e: e.id, reverse=newest_first)


@dataclass(frozen=True)
class Sent:
    errand: Errand
    delay: timedelta
    request_id: str | None


class MemoryDeliveryQueue:
    """``sent``: all messages in the order they came."""

    def __init__(self) -> None:
        self.sent: list[Sent] = []

    def send(self, errand: Errand, *, delay: timedelta = timedelta(0), request_id: str | None = None) -> None:
        if delay > MAX_QUEUE_DELAY:
            raise ValueError("a queue delays by 900 seconds at most")
        self.sent.append(Sent(errand, max(delay, timedelta(0)), request_id))

    def send_all(self, errands: Sequence[Errand], *, request_id: str | None = None) -> None:
        for errand in errands:
            self.send(errand, request_id=request_id)


class MemorySlots:
    def __init__(self) -> None:
        self._taken: dict[tuple[str, str, int], datetime] = {}

    def take(self, user_id: str, endpoint_id: str, now: datetime) -> Slot | None:
        for number in range(SLOTS):
            if self._taken.get((user_id, endpoint_id, number), now) <= now:
                slot = Slot(user_id, endpoint_id, number, now + SLOT_FOR)
                self._taken[user_id, endpoint_id, number] = slot.ends_at
                return slot
        return None

    def free(self, slot: Slot) -> None:
        if self._taken.get((slot.user_id, slot.endpoint_id, slot.number)) == slot.ends_at:
            del self._taken[slot.user_id, slot.endpoint_id, slot.number]


class MemoryLanes:
    def __init__(self) -> None:
        self.sent: list[tuple[str, Dispatch, str | None]] = []

    def send(self, user_id: str, dispatch: Dispatch, *, request_id: str | None = None) -> None:
        self.sent.append((user_id, dispatch, request_id))

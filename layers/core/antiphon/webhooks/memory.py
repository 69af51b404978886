"""The stores and queues in memory, for tests: the same promises, kept by the same contract suite."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from antiphon.platform.events import Dispatch, Event
from antiphon.platform.pages import Page
from antiphon.webhooks.model import MAX_QUEUE_DELAY, Delivery, Endpoint, Errand, Keyring
from antiphon.webhooks.ports import Stale


class MemoryEndpointStore:
    def __init__(self) -> None:
        self._endpoints: dict[tuple[str, str], Endpoint] = {}
        self._keyrings: dict[str, Keyring] = {}

    def create(self, endpoint: Endpoint) -> Endpoint:
        return self._endpoints.setdefault((endpoint.user_id, endpoint.id), endpoint)

    def get(self, user_id: str, endpoint_id: str) -> Endpoint | None:
        return self._endpoints.get((user_id, endpoint_id))

    def of_user(self, user_id: str) -> Sequence[Endpoint]:
        return sorted((e for e in self._endpoints.values() if e.user_id == user_id), key=lambda e: e.id, reverse=True)

    def replace(self, before: Endpoint, after: Endpoint) -> bool:
        found = self.get(before.user_id, before.id)
        if found is None or (found.version != before.version and found != after):
            return False
        self._endpoints[after.user_id, after.id] = after
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


class MemoryLanes:
    def __init__(self) -> None:
        self.sent: list[tuple[str, Dispatch, str | None]] = []

    def send(self, user_id: str, dispatch: Dispatch, *, request_id: str | None = None) -> None:
        self.sent.append((user_id, dispatch, request_id))

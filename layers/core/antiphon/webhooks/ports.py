"""What the webhook use cases need from outside."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from antiphon.platform.events import Dispatch, Event
from antiphon.platform.pages import Page
from antiphon.webhooks.model import Delivery, Endpoint, Errand, Keyring, Outcome, Slot


class Stale(Exception):
    """The delivery is no longer what the change began with: read again and decide again. Never reaches a user."""


class EndpointStore(Protocol):
    def create(self, endpoint: Endpoint) -> Endpoint:
        """The endpoint as it is stored now: this one, or the one that an earlier try of the same request made."""

    def get(self, user_id: str, endpoint_id: str) -> Endpoint | None:
        """One consistent read."""

    def of_user(self, user_id: str) -> Sequence[Endpoint]:
        """All of them, newest first, by one consistent query: there are at most `MAX_ENDPOINTS`."""

    def replace(self, before: Endpoint, after: Endpoint, event: Event | None = None) -> bool:
        """Write ``after`` if the row is there and still as ``before``, by its version; False where it is not. event: written with it, or not at all."""

    def delete(self, user_id: str, endpoint_id: str, at: datetime) -> bool:
        """False where there was none. What was delivered to it stays until it expires, and can be found until then."""

    def keyring(self, user_id: str) -> Keyring | None:
        """Of the account, for the ``callback_url`` of its jobs. One consistent read."""

    def create_keyring(self, keyring: Keyring) -> Keyring:
        """The keyring as it is stored now: this one, or the one that came first."""

    def replace_keyring(self, before: Keyring, after: Keyring) -> bool:
        """As `replace`."""


class DeliveryStore(Protocol):
    def create(self, delivery: Delivery) -> Delivery:
        """The delivery as it is stored now: this one, or the one that came first. It can be found by its id alone afterwards."""

    def get(self, user_id: str, endpoint_id: str, delivery_id: str) -> Delivery | None:
        """One consistent read."""

    def find(self, delivery_id: str) -> Delivery | None:
        """By id alone. None also after it expired."""

    def replace(self, before: Delivery, after: Delivery) -> None:
        """Raises Stale where the row is not ``before`` any more."""

    def remove(self, delivery: Delivery) -> None:
        """With what finds it by its id. Safe to repeat."""

    def list(
        self, user_id: str, endpoint_id: str, now: datetime, *, limit: int, position: str | None = None
    ) -> Page[Delivery]:
        """Newest first, without what has expired."""

    def between(
        self, user_id: str, endpoint_id: str, since: datetime, until: datetime, now: datetime
    ) -> Iterator[Delivery]:
        """Of events from ``since`` on and before ``until``, the oldest first, without what has expired."""

    def due(self, until: datetime) -> Iterator[Delivery]:
        """Deliveries whose ``due_at`` is not after ``until``, the oldest of each partition first."""


class EventStore(Protocol):
    def get(self, user_id: str, event_id: str) -> Event | None: ...

    def between(self, user_id: str, since: datetime, until: datetime, *, newest_first: bool = False) -> Iterator[Event]:
        """From ``since`` on and before ``until``, as far back as events are kept."""


class DeliveryQueue(Protocol):
    def send(self, errand: Errand, *, delay: timedelta = timedelta(0), request_id: str | None = None) -> None:
        """The endpoint is the message group, so that one endpoint cannot hold up the others. delay: rounded up to whole seconds, none if
        negative; ValueError above the 900 s that SQS can hold."""

    def send_all(self, errands: Sequence[Errand], *, request_id: str | None = None) -> None:
        """Now, in few calls. Raises Unavailable where some of them did not get through: they may be sent again."""


class Slots(Protocol):
    """Requests that may be under way to one endpoint at the same time: what hangs there must not take what the others need."""

    def take(self, user_id: str, endpoint_id: str, now: datetime) -> Slot | None:
        """None where all are taken. One that nobody gives back is free again when its time is over."""

    def free(self, slot: Slot) -> None:
        """Safe to repeat, and after its time was over."""


class Vault(Protocol):
    """Keeps secrets unreadable wherever they are stored."""

    def seal(self, secret: str, place: str) -> str:
        """place: where the secret will lie; what is sealed for one place does not open in another."""

    def open(self, sealed: str, place: str) -> str: ...


class Waiters(Protocol):
    def waiting(self, user_id: str, key: str) -> Iterable[Dispatch]:
        """Jobs that wait for the work of the key."""

    def turns(self, user_id: str, workers: str) -> Iterable[Dispatch]:
        """Jobs that wait for their turn at these workers, as many as may run now."""


class Lanes(Protocol):
    def send(self, user_id: str, dispatch: Dispatch, *, request_id: str | None = None) -> None:
        """Put the job on its lane, the user being the message group."""


class Sender(Protocol):
    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Outcome:
        """One request, no redirect followed. Never raises for what a receiver does."""


__all__ = [
    "DeliveryQueue",
    "DeliveryStore",
    "EndpointStore",
    "EventStore",
    "Lanes",
    "Sender",
    "Slots",
    "Stale",
    "Vault",
]

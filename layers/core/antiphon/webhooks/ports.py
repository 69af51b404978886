"""What the webhook use cases need from outside."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from antiphon.platform.events import Dispatch, Event
from antiphon.platform.pages import Page
from antiphon.webhooks.model import Delivery, Endpoint, Errand, Outcome


class Stale(Exception):
    """The delivery is no longer what the change began with: read again and decide again. Never reaches a user."""


class EndpointStore(Protocol):
    def create(self, endpoint: Endpoint) -> Endpoint:
        """The endpoint as it is stored now: this one, or the one that an earlier try of the same request made."""

    def get(self, user_id: str, endpoint_id: str) -> Endpoint | None:
        """One consistent read."""

    def of_user(self, user_id: str) -> Sequence[Endpoint]:
        """All of them, newest first, by one consistent query: there are at most `MAX_ENDPOINTS`."""

    def replace(self, before: Endpoint, after: Endpoint) -> bool:
        """Write ``after`` if the row is there and still as ``before``; False where it is not."""

    def delete(self, user_id: str, endpoint_id: str, at: datetime) -> bool:
        """False where there was none. What was delivered to it stays until it expires, and can be found until then."""

    def account_secret(self, user_id: str, proposed: str) -> str:
        """The secret that signs a user's ``callback_url`` deliveries: the stored one, or the proposed one, stored now."""


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

    def due(self, until: datetime) -> Iterator[Delivery]:
        """Deliveries whose ``due_at`` is not after ``until``, the oldest of each partition first."""


class EventStore(Protocol):
    def get(self, user_id: str, event_id: str) -> Event | None: ...


class DeliveryQueue(Protocol):
    def send(self, errand: Errand, *, delay: timedelta = timedelta(0), request_id: str | None = None) -> None:
        """The endpoint is the message group, so that one endpoint cannot hold up the others. delay: rounded up to whole seconds, none if
        negative; ValueError above the 900 s that SQS can hold."""


class Waiters(Protocol):
    def waiting(self, user_id: str, key: str) -> Iterable[Dispatch]:
        """Jobs that wait for the work of the key."""


class Lanes(Protocol):
    def send(self, user_id: str, dispatch: Dispatch, *, request_id: str | None = None) -> None:
        """Put the job on its lane, the user being the message group."""


class Sender(Protocol):
    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Outcome:
        """One request, no redirect followed. Never raises for what a receiver does."""


__all__ = ["DeliveryQueue", "DeliveryStore", "EndpointStore", "EventStore", "Lanes", "Sender", "Stale"]

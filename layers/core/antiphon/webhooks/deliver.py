"""One message of the deliveries queue: one attempt, its entry in the log, and the message of the next one.

What makes it safe at every step: the delivery's id comes from event and endpoint, so any number of messages share one row and one body; an attempt
counts only if it is the expected one; and the row's ``due_at`` lets the sweep send a message that was lost between row and queue.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from antiphon.platform.clock import Clock
from antiphon.webhooks.model import (
    CALLBACK,
    ERASED,
    MAX_QUEUE_DELAY,
    Delivery,
    Errand,
    Status,
    attempted,
    begin,
    canceled,
    delivery_id,
    expects,
    next_errand,
    place_of,
)
from antiphon.webhooks.ports import DeliveryQueue, DeliveryStore, EndpointStore, EventStore, Sender, Stale
from antiphon.webhooks.secrets import AccountSecret, Secrets
from antiphon.webhooks.sign import signature_headers

if TYPE_CHECKING:
    from datetime import datetime

    from antiphon.webhooks.model import Endpoint, Outcome

_TRIES = 5
"""Others that write the same row are at most a sweep and a manual attempt."""


@dataclass(frozen=True)
class Receiver:
    """secrets: newest first; while one replaces another, all of them sign."""

    url: str
    secrets: tuple[str, ...]


@dataclass(frozen=True)
class Deliverer:
    """draw: uniform in [0, 1), for the jitter."""

    endpoints: EndpointStore
    secrets: Secrets
    deliveries: DeliveryStore
    events: EventStore
    queue: DeliveryQueue
    sender: Sender
    clock: Clock
    draw: Callable[[], float]

    def deliver(self, errand: Errand, *, request_id: str | None = None) -> Delivery | None:
        """Make the attempt unless it was made. The delivery afterwards; None where there is nothing (left) to deliver."""
        delivery = self.deliveries.get(
            errand.user_id, errand.endpoint_id, delivery_id(errand.event_id, errand.endpoint_id)
        )
        if delivery is None:
            delivery = self._begin(errand)
        if delivery is None or not expects(delivery, errand):
            return delivery
        endpoint = (
            None if delivery.endpoint_id == CALLBACK else self.endpoints.get(delivery.user_id, delivery.endpoint_id)
        )
        if delivery.endpoint_id != CALLBACK and (endpoint is None or endpoint.disabled_reason == ERASED):
            # Asked after the row was written: what is made while an endpoint goes is found by one of the two.
            self.deliveries.remove(delivery)
            return None
        receiver = self._receiver(delivery, endpoint)
        if receiver is None:
            return self._change(delivery, errand, canceled) if delivery.status is Status.PENDING else delivery
        at = self.clock()
        body = delivery.body.encode()
        outcome = self.sender.post(receiver.url, signature_headers(receiver.secrets, delivery.event_id, at, body), body)
        after = self._record(delivery, errand, at, outcome)
        if outcome.gone:
            self._disable(delivery)
        elif after and not errand.manual:
            self._plan(after, request_id)
        return after

    def _begin(self, errand: Errand) -> Delivery | None:
        event = self.events.get(errand.user_id, errand.event_id)
        if event is None:
            return None
        if errand.endpoint_id == CALLBACK:
            url = event.callback_url
        else:
            endpoint = self.endpoints.get(errand.user_id, errand.endpoint_id)
            url = endpoint.url if endpoint and endpoint.active else None
        return self.deliveries.create(begin(event, errand.endpoint_id, url, self.clock())) if url else None

    def _receiver(self, delivery: Delivery, endpoint: Endpoint | None) -> Receiver | None:
        """Where this attempt goes: an endpoint's address and secret may have changed since the last one."""
        if delivery.endpoint_id == CALLBACK:
            return Receiver(delivery.url, AccountSecret(self.endpoints, self.secrets).texts(delivery.user_id))
        if endpoint is None or not endpoint.active:
            return None
        return Receiver(endpoint.url, self.secrets.texts(endpoint.secrets, place_of(endpoint.user_id, endpoint.id)))

    def _record(self, delivery: Delivery, errand: Errand, at: datetime, outcome: Outcome) -> Delivery | None:
        now, draw = self.clock(), self.draw()
        return self._change(delivery, errand, lambda d: attempted(d, errand, at, outcome, now, draw))

    def _change(self, delivery: Delivery, errand: Errand, change: Callable[[Delivery], Delivery]) -> Delivery | None:
        """Write the change, on a fresh copy where someone else wrote meanwhile; None where the errand was done by another."""
        for _ in range(_TRIES):
            after = change(delivery)
            try:
                self.deliveries.replace(delivery, after)
            except Stale:
                found = self.deliveries.get(delivery.user_id, delivery.endpoint_id, delivery.id)
                if found is None or not expects(found, errand):
                    return None
                delivery = found
            else:
                return after
        raise Stale

    def _plan(self, delivery: Delivery, request_id: str | None) -> None:
        if delivery.next_attempt_at is None:
            return
        wait = delivery.next_attempt_at - self.clock()
        if wait <= MAX_QUEUE_DELAY:
            self.queue.send(next_errand(delivery), delay=wait, request_id=request_id)

    def _disable(self, delivery: Delivery) -> None:
        """The receiver says that it is gone for good (410)."""
        for _ in range(_TRIES):
            endpoint = self.endpoints.get(delivery.user_id, delivery.endpoint_id)
            if endpoint is None or not endpoint.active:
                return
            off = replace(endpoint, active=False, disabled_reason="gone", version=endpoint.version + 1)
            if self.endpoints.replace(endpoint, off):
                return
        raise Stale

"""One message of the deliveries queue: one attempt, its entry in the log, and the message of the next one.

What makes it safe at every step: the delivery's id comes from event and endpoint, so any number of messages share one row and one body; an attempt
counts only if it is the expected one; and the row's ``due_at`` lets the sweep send a message that was lost between row and queue.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from antiphon.platform.clock import Clock
from antiphon.platform.events import MAIL, Dispatch, Event
from antiphon.platform.ids import derived_id, time_of
from antiphon.platform.metrics import UNMEASURED, Metrics
from antiphon.webhooks.model import (
    CALLBACK,
    DISABLED_EVENT,
    ERASED,
    FAILING_FOR,
    MAX_QUEUE_DELAY,
    Delivery,
    Errand,
    Status,
    attempted,
    begin,
    canceled,
    delivery_id,
    expects,
    failed_again,
    next_errand,
    over,
    place_of,
    put_off,
    switched_off,
    turn_after,
    worth_noting,
)
from antiphon.webhooks.ports import DeliveryQueue, DeliveryStore, EndpointStore, EventStore, Sender, Slots, Stale
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
    slots: Slots
    sender: Sender
    clock: Clock
    draw: Callable[[], float]
    metrics: Metrics = UNMEASURED

    def deliver(self, errand: Errand, *, request_id: str | None = None) -> Delivery | None:
        """Make the attempt unless it was made. The delivery afterwards; None where there is nothing (left) to deliver, or not yet."""
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
        if endpoint is not None and not errand.manual and over(delivery, endpoint):
            return self._change(delivery, errand, canceled)
        receiver = self._receiver(delivery, endpoint)
        if receiver is None:
            return self._change(delivery, errand, canceled) if delivery.status is Status.PENDING else delivery
        # Taken where something is sent, and by nobody else: a row that is made for an account while it goes would outlive it.
        slot = self.slots.take(errand.user_id, errand.endpoint_id, self.clock())
        if slot is None:
            self._put_off(delivery, errand, request_id)
            return None
        try:
            return self._attempt(delivery, errand, receiver, endpoint, request_id)
        finally:
            self.slots.free(slot)

    def _attempt(
        self, delivery: Delivery, errand: Errand, receiver: Receiver, endpoint: Endpoint | None, request_id: str | None
    ) -> Delivery | None:
        at = self.clock()
        body = delivery.body.encode()
        headers = signature_headers(receiver.secrets, delivery.event_id, at, body)
        outcome = self.sender.post(receiver.url, headers, body)
        self._measure(errand, at, outcome)
        if endpoint is not None:
            # Before the entry in the log: after it, nobody would make this attempt again if we died here.
            self._judge(endpoint, outcome)
        after = self._record(delivery, errand, at, outcome)
        if after and not errand.manual:
            self._plan(after, request_id)
        return after

    def _measure(self, errand: Errand, at: datetime, outcome: Outcome) -> None:
        """The first attempt of the plan tells how long after the change its receiver heard of it."""
        self.metrics.put("WebhookAttempts", 1, **{"class": outcome.kind})
        if errand.attempt == 1 and not errand.manual:
            lag = at - time_of(errand.event_id)
            self.metrics.put("DeliveryLagMs", max(0.0, lag.total_seconds() * 1000))

    def _put_off(self, delivery: Delivery, errand: Errand, request_id: str | None) -> None:
        """The endpoint has as many requests under way as it may: the errand comes again, and nobody waits for it meanwhile."""
        wait = turn_after(errand.turn, self.draw())
        if not errand.manual:
            # Or the sweep would take its message for lost. Where somebody else did something to it, the errand finds that when it comes again.
            with suppress(Stale):
                self.deliveries.replace(delivery, put_off(delivery, self.clock() + wait))
        self.queue.send(replace(errand, turn=errand.turn + 1), delay=wait, request_id=request_id)

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

    def _judge(self, endpoint: Endpoint, outcome: Outcome) -> None:
        """What this attempt says about the endpoint. The one that was read before the attempt serves: most attempts say nothing new, and cost nothing."""
        for _ in range(_TRIES):
            now = self.clock()
            failing = None if outcome.succeeded else failed_again(endpoint.failing, now)
            if outcome.gone:
                reason: str | None = "gone"
            else:
                reason = "failing" if failing and failing.since and now - failing.since >= FAILING_FOR else None
            if reason:
                after, event = switched_off(endpoint, now, reason), disabled_event(endpoint, reason, now)
                written = self.endpoints.replace(endpoint, after, event)
            elif (endpoint.failing is not None) if failing is None else worth_noting(endpoint.failing, failing):
                after = replace(endpoint, failing=failing, version=endpoint.version + 1)
                written = self.endpoints.replace(endpoint, after)
            else:
                return
            if written:
                return
            found = self.endpoints.get(endpoint.user_id, endpoint.id)
            if found is None or not found.active:
                return
            endpoint = found
        raise Stale


def disabled_event(endpoint: Endpoint, reason: str, now: datetime) -> Event:
    """Mailed to the owner, and sent to the other webhooks that ask for it."""
    data = {
        "id": endpoint.id,
        "kind": "webhook",
        "status": "disabled",
        "reason": reason,
        "sequence": endpoint.version + 1,
        "links": {"self": f"/v1/webhooks/{endpoint.id}", "deliveries": f"/v1/webhooks/{endpoint.id}/deliveries"},
    }
    return Event(
        id=derived_id("evt", now, endpoint.id, "disabled", str(endpoint.version)),
        user_id=endpoint.user_id,
        type=DISABLED_EVENT,
        timestamp=now,
        data=data,
        dispatch=Dispatch(MAIL, f"webhook_{reason}", endpoint.id),
    )

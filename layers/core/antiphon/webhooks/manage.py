"""What a user does with endpoints and their deliveries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from antiphon.platform.clock import Clock
from antiphon.platform.errors import Conflict, NotFound
from antiphon.platform.events import Event
from antiphon.platform.ids import derived_id, new_id, time_of
from antiphon.platform.pages import Page
from antiphon.webhooks.guard import Guard
from antiphon.webhooks.model import (
    CALLBACK,
    MAX_ATTEMPTS_KEPT,
    MAX_ENDPOINTS,
    TEST_EVENT,
    Delivery,
    Endpoint,
    Errand,
    begin,
    canceled,
    over,
    place_of,
    switched_off,
)
from antiphon.webhooks.ports import DeliveryQueue, DeliveryStore, EndpointStore
from antiphon.webhooks.secrets import Secrets, until_written


@dataclass(frozen=True)
class Wish:
    """What a user asks of an endpoint; None leaves it as it is."""

    url: str | None = None
    events: tuple[str, ...] | None = None
    description: str | None = None
    active: bool | None = None


@dataclass(frozen=True)
class Endpoints:
    """seed, in all of its methods: of the request; the same one makes the same ids, so a repeated request changes nothing."""

    endpoints: EndpointStore
    secrets: Secrets
    deliveries: DeliveryStore
    queue: DeliveryQueue
    guard: Guard
    clock: Clock

    def create(
        self,
        user_id: str,
        url: str,
        events: tuple[str, ...],
        *,
        description: str = "",
        active: bool = True,
        seed: str | None = None,
    ) -> tuple[Endpoint, str]:
        """With its secret, as it is shown. Raises Blocked for an address that may not be called, Conflict when there are as many endpoints as a user may have."""
        self.guard.check_syntax(url, "url")
        now = self.clock()
        endpoint_id = derived_id("whk", time_of(f"whk_{seed}"), user_id, seed) if seed else new_id("whk", now)
        others = [e for e in self.endpoints.of_user(user_id) if e.id != endpoint_id]
        # Two requests at once may both see the last free place; one endpoint more does no harm.
        if len(others) >= MAX_ENDPOINTS:
            raise Conflict(f"There are {MAX_ENDPOINTS} webhooks already; delete one first.", code="too_many_webhooks")
        place = place_of(user_id, endpoint_id)
        secret, text = self.secrets.make(place, seed)
        wanted = Endpoint(endpoint_id, user_id, url, events, now, (secret,), description, active=active, updated_at=now)
        made = self.endpoints.create(wanted)
        return made, text if secret in made.secrets else self.secrets.shown(made.secrets, place, seed)

    def rotate(
        self, user_id: str, endpoint_id: str, *, keep_old: bool = True, seed: str | None = None
    ) -> tuple[Endpoint, str]:
        """With the new secret, as it is shown. keep_old: the ones before sign for another 24 hours. Raises NotFound, Conflict."""

        def attempt() -> tuple[Endpoint, str] | None:
            before = self.get(user_id, endpoint_id)
            place = place_of(user_id, endpoint_id)
            secrets, text = self.secrets.rotate(before.secrets, place, seed, keep_old=keep_old)
            if secrets is before.secrets:
                return before, text
            after = replace(before, secrets=secrets, updated_at=self.clock(), version=before.version + 1)
            return (after, text) if self.endpoints.replace(before, after) else None

        return until_written(attempt)

    def get(self, user_id: str, endpoint_id: str) -> Endpoint:
        found = self.endpoints.get(user_id, endpoint_id)
        if found is None:
            raise NotFound("There is no such webhook.")
        return found

    def all(self, user_id: str) -> Sequence[Endpoint]:
        """Newest first; at most `MAX_ENDPOINTS`, give or take a race."""
        return self.endpoints.of_user(user_id)

    def change(self, user_id: str, endpoint_id: str, wish: Wish) -> Endpoint:
        """Switching it on again forgets why it was switched off."""
        if wish.url is not None:
            self.guard.check_syntax(wish.url, "url")
        asked = {name: value for name, value in vars(wish).items() if value is not None}

        def attempt() -> Endpoint | None:
            before = self.get(user_id, endpoint_id)
            now = self.clock()
            after = switched_off(before, now) if wish.active is False and before.active else before
            after = replace(after, **asked, disabled_reason=None if wish.active else before.disabled_reason)
            if after == before:
                return before
            after = replace(after, updated_at=now, version=before.version + 1)
            return after if self.endpoints.replace(before, after) else None

        return until_written(attempt)

    def delete(self, user_id: str, endpoint_id: str) -> None:
        if not self.endpoints.delete(user_id, endpoint_id, self.clock()):
            raise NotFound("There is no such webhook.")

    def log(self, user_id: str, endpoint_id: str, *, limit: int, position: str | None) -> Page[Delivery]:
        """The deliveries of an endpoint, or, as ``callback``, those to the ``callback_url`` of the user's jobs."""
        endpoint = None if endpoint_id == CALLBACK else self.get(user_id, endpoint_id)
        page = self.deliveries.list(user_id, endpoint_id, self.clock(), limit=limit, position=position)
        return Page(tuple(as_it_stands(d, endpoint) for d in page.items), page.position)

    def test(
        self, user_id: str, endpoint_id: str, *, seed: str | None = None, request_id: str | None = None
    ) -> Delivery:
        """A ``webhook.test`` event for this endpoint alone."""
        endpoint = self.switched_on(user_id, endpoint_id)
        now = self.clock()
        event_id = derived_id("evt", time_of(f"evt_{seed}"), user_id, seed) if seed else new_id("evt", now)
        event = Event(
            event_id,
            user_id,
            TEST_EVENT,
            now,
            {"id": endpoint_id, "kind": "webhook", "links": {"self": f"/v1/webhooks/{endpoint_id}"}},
        )
        delivery = self.deliveries.create(begin(event, endpoint_id, endpoint.url, now))
        self.queue.send(Errand(user_id, endpoint_id, event_id), request_id=request_id)
        return delivery

    def redeliver(
        self, user_id: str, delivery_id: str, *, seed: str | None = None, request_id: str | None = None
    ) -> Delivery:
        """Once more, now, with the same id and body; the automatic plan stays as it was."""
        delivery = self.deliveries.find(delivery_id)
        if delivery is None or delivery.user_id != user_id or delivery.expires_at <= self.clock():
            raise NotFound("There is no such delivery.")
        if delivery.endpoint_id != CALLBACK:
            self.switched_on(user_id, delivery.endpoint_id)
        if len(delivery.attempts) >= MAX_ATTEMPTS_KEPT:
            raise Conflict(
                f"This delivery was tried {MAX_ATTEMPTS_KEPT} times; that is the most.", code="too_many_attempts"
            )
        manual = seed or new_id("req", self.clock())
        self.queue.send(Errand(user_id, delivery.endpoint_id, delivery.event_id, manual=manual), request_id=request_id)
        return delivery

    def switched_on(self, user_id: str, endpoint_id: str) -> Endpoint:
        """Raises NotFound, Conflict ``webhook_disabled``."""
        endpoint = self.get(user_id, endpoint_id)
        if not endpoint.active:
            raise Conflict("The webhook is switched off; switch it on first.", code="webhook_disabled")
        return endpoint


def as_it_stands(delivery: Delivery, endpoint: Endpoint | None) -> Delivery:
    """What waited at an endpoint that was switched off is canceled, also before its row says so."""
    return canceled(delivery) if endpoint is not None and over(delivery, endpoint) else delivery

"""The same endpoints as OpenAI's SDK manages them: ``client.webhooks.create``, ``list``, ``rotate_secret``, …"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Path, Query, Request
from openai_shapes import (
    NewWebhookEndpoint,
    WebhookEndpointChange,
    WebhookRotation,
    WebhookSample,
    openai_view,
)
from wiring import Wiring

from antiphon.platform.request import Caller
from antiphon.platform.web import caller, seed_of
from antiphon.webhooks.manage import Wish
from antiphon.webhooks.model import EVENT_TYPES

Me = Annotated[Caller, Depends(caller)]
Id = Annotated[str, Path(max_length=64)]


def endpoint_routes(wiring: Wiring) -> APIRouter:
    routes = APIRouter(tags=["webhooks"])
    endpoints = wiring.endpoints

    @routes.post("/webhook_endpoints")
    def create(new: NewWebhookEndpoint, request: Request, me: Me) -> dict[str, Any]:
        """The answer holds the signing secret, this once."""
        made, secret = endpoints.create(
            me.user_id, new.url, tuple(new.event_types), description=new.name, seed=seed_of(request)
        )
        return {**openai_view(made), "signing_secret": secret}

    @routes.get("/webhook_endpoints")
    def listed(
        me: Me,
        limit: Annotated[int, Query(ge=1, le=100)] = 20,
        after: Annotated[str | None, Query(max_length=64)] = None,
    ) -> dict[str, Any]:
        """Newest first. after: the last id of the page before."""
        found = [e for e in endpoints.all(me.user_id) if after is None or e.id < after]
        page = found[:limit]
        return {
            "object": "list",
            "data": [openai_view(e) for e in page],
            "first_id": page[0].id if page else None,
            "last_id": page[-1].id if page else None,
            "has_more": len(found) > limit,
        }

    @routes.get("/webhook_endpoints/{webhook_id}")
    def one(webhook_id: Id, me: Me) -> dict[str, Any]:
        return openai_view(endpoints.get(me.user_id, webhook_id))

    @routes.post("/webhook_endpoints/{webhook_id}")
    def change(webhook_id: Id, wanted: WebhookEndpointChange, me: Me) -> dict[str, Any]:
        events = tuple(wanted.event_types) if wanted.event_types is not None else None
        return openai_view(endpoints.change(me.user_id, webhook_id, Wish(wanted.url, events, wanted.name)))

    @routes.delete("/webhook_endpoints/{webhook_id}")
    def delete(webhook_id: Id, me: Me) -> dict[str, Any]:
        endpoints.delete(me.user_id, webhook_id)
        return {"id": webhook_id, "object": "webhook_endpoint.deleted", "deleted": True}

    @routes.post("/webhook_endpoints/{webhook_id}/rotate_secret")
    def rotate(
        webhook_id: Id,
        request: Request,
        me: Me,
        wanted: Annotated[WebhookRotation, Body(default_factory=WebhookRotation)],
    ) -> dict[str, Any]:
        """The answer holds the new secret, this once. The old one ends at once, unless it is to sign for another 24 hours."""
        keep_old = wanted.keep_old_secret_active_for_24_hours
        changed, secret = endpoints.rotate(me.user_id, webhook_id, keep_old=keep_old, seed=seed_of(request))
        return {**openai_view(changed), "signing_secret": secret}

    @routes.post("/webhook_endpoints/{webhook_id}/test")
    def test(webhook_id: Id, wanted: WebhookSample, request: Request, me: Me) -> dict[str, Any]:
        """Sends a sample of the event now and waits for the answer, 15 seconds at most."""
        status_code = wiring.try_out(me.user_id, webhook_id, wanted.event_type, seed=seed_of(request))
        return {
            "object": "webhook_endpoint.test",
            "webhook_endpoint_id": webhook_id,
            "event_type": wanted.event_type,
            "status_code": status_code,
            "success": True,
        }

    @routes.get("/webhook_event_types")
    def event_types(me: Me) -> dict[str, Any]:
        return {"object": "list", "data": list(EVENT_TYPES)}

    return routes

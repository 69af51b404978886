from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from shapes import (
    NewWebhook,
    ReplayRange,
    WebhookChange,
    delivery_view,
    endpoint_view,
    keyring_view,
    missing_view,
)
from wiring import Wiring

from antiphon.platform.clock import rfc3339
from antiphon.platform.cursors import decode_cursor, encode_cursor
from antiphon.platform.request import Caller
from antiphon.platform.web import caller, seed_of
from antiphon.webhooks.manage import Wish

Me = Annotated[Caller, Depends(caller)]
Id = Annotated[str, Path(max_length=64)]
Limit = Annotated[int, Query(ge=1, le=100)]
Cursor = Annotated[str | None, Query(max_length=500)]


def webhook_routes(wiring: Wiring) -> APIRouter:
    routes = APIRouter(tags=["webhooks"])
    endpoints = wiring.endpoints

    @routes.post("/webhooks", status_code=201)
    def create(new: NewWebhook, request: Request, response: Response, me: Me) -> dict[str, Any]:
        """The answer holds the signing secret, this once."""
        made, secret = endpoints.create(
            me.user_id,
            new.url,
            tuple(new.events),
            description=new.description,
            active=new.active,
            seed=seed_of(request),
        )
        response.headers["Location"] = f"/v1/webhooks/{made.id}"
        return {**endpoint_view(made), "secret": secret}

    @routes.get("/webhooks")
    def listed(me: Me, limit: Limit = 20, cursor: Cursor = None) -> dict[str, Any]:
        scope = (me.user_id, "webhooks")
        before = decode_cursor(cursor, *scope)
        found = [e for e in endpoints.all(me.user_id) if before is None or e.id < before]
        page = found[:limit]
        following = encode_cursor(page[-1].id, *scope) if len(found) > limit else None
        return {"data": [endpoint_view(e) for e in page], "next_cursor": following}

    @routes.get("/webhooks/{webhook_id}")
    def one(webhook_id: Id, me: Me) -> dict[str, Any]:
        return endpoint_view(endpoints.get(me.user_id, webhook_id))

    @routes.patch("/webhooks/{webhook_id}")
    def change(webhook_id: Id, wanted: WebhookChange, me: Me) -> dict[str, Any]:
        events = tuple(wanted.events) if wanted.events is not None else None
        return endpoint_view(
            endpoints.change(me.user_id, webhook_id, Wish(wanted.url, events, wanted.description, wanted.active))
        )

    @routes.delete("/webhooks/{webhook_id}", status_code=204)
    def delete(webhook_id: Id, me: Me) -> None:
        """Deliveries that wait for their next attempt end with it."""
        endpoints.delete(me.user_id, webhook_id)

    @routes.post("/webhooks/{webhook_id}/rotate-secret")
    def rotate(webhook_id: Id, request: Request, me: Me) -> dict[str, Any]:
        """The answer holds the new secret, this once. The old one signs beside it for 24 hours."""
        changed, secret = endpoints.rotate(me.user_id, webhook_id, seed=seed_of(request))
        return {**endpoint_view(changed), "secret": secret}

    @routes.post("/webhooks/{webhook_id}/test", status_code=202)
    def test(webhook_id: Id, request: Request, me: Me) -> dict[str, Any]:
        """A ``webhook.test`` event for this webhook alone."""
        return delivery_view(
            endpoints.test(me.user_id, webhook_id, seed=seed_of(request), request_id=request.state.request_id)
        )

    @routes.get("/webhooks/{webhook_id}/deliveries")
    def deliveries(
        webhook_id: Id,
        me: Me,
        limit: Limit = 20,
        cursor: Cursor = None,
        only: Annotated[Literal["missing"] | None, Query()] = None,
    ) -> dict[str, Any]:
        """With ``callback`` in place of an id: the deliveries to the ``callback_url`` of jobs. ``only=missing``: events of the last 7 days that were
        never sent to this webhook, because it was switched off."""
        if only:
            return missing(webhook_id, me, limit, cursor)
        scope = (me.user_id, "deliveries", webhook_id)
        page = endpoints.log(me.user_id, webhook_id, limit=limit, position=decode_cursor(cursor, *scope))
        return {
            "data": [delivery_view(d) for d in page.items],
            "next_cursor": page.position and encode_cursor(page.position, *scope),
        }

    def missing(webhook_id: str, me: Caller, limit: int, cursor: str | None) -> dict[str, Any]:
        scope = (me.user_id, "missing", webhook_id)
        position = decode_cursor(cursor, *scope)
        until = datetime.fromisoformat(position) if position else None
        endpoint = endpoints.get(me.user_id, webhook_id)
        page = wiring.replay.missing(me.user_id, webhook_id, since=None, until=until, limit=limit)
        return {
            "data": [missing_view(event, endpoint) for event in page.items],
            "next_cursor": page.position and encode_cursor(page.position, *scope),
        }

    @routes.post("/webhooks/{webhook_id}/replay", status_code=202)
    def replay(webhook_id: Id, wanted: ReplayRange, request: Request, me: Me) -> dict[str, Any]:
        """Sends a range of events again, each at most once: what failed, and what was never sent. Where ``next_since`` is no null, a further call
        goes on from there."""
        done = wiring.replay(
            me.user_id,
            webhook_id,
            since=wanted.since,
            until=wanted.until,
            only=wanted.only,
            seed=seed_of(request),
            request_id=request.state.request_id,
        )
        return {"queued": done.queued, "next_since": done.next_since and rfc3339(done.next_since)}

    @routes.post("/deliveries/{delivery_id}/redeliver", status_code=202)
    def redeliver(delivery_id: Id, request: Request, me: Me) -> dict[str, Any]:
        """Sends once more now; the attempt appears in the log as ``manual``."""
        return delivery_view(
            endpoints.redeliver(me.user_id, delivery_id, seed=seed_of(request), request_id=request.state.request_id)
        )

    return routes


def account_routes(wiring: Wiring) -> APIRouter:
    routes = APIRouter(tags=["webhooks"])
    account = wiring.account_secret

    @routes.get("/me/webhook-secret")
    def shown(me: Me) -> dict[str, Any]:
        """Signs what goes to the ``callback_url`` of the account's jobs."""
        return keyring_view(*account.get(me.user_id))

    @routes.post("/me/webhook-secret/rotate")
    def rotate(request: Request, me: Me) -> dict[str, Any]:
        """The old one signs beside the new one for 24 hours."""
        return keyring_view(*account.rotate(me.user_id, seed_of(request)))

    return routes

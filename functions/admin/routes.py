from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request
from shapes import UserChange, managed_view, tier_views
from wiring import Wiring

from antiphon.identity.administer import By
from antiphon.platform.audit import audit_view, kept
from antiphon.platform.clock import system_clock
from antiphon.platform.cursors import decode_cursor, encode_cursor
from antiphon.platform.request import Caller, client_address
from antiphon.platform.web import caller

Me = Annotated[Caller, Depends(caller)]
Id = Annotated[str, Path(max_length=64)]
Limit = Annotated[int, Query(ge=1, le=100)]
Cursor = Annotated[str | None, Query(max_length=500)]
Email = Annotated[str | None, Query(max_length=320, description="The whole address.")]
OfUser = Annotated[str, Query(min_length=1, max_length=64)]


def _by(request: Request, me: Caller) -> By:
    return By(me.user_id, client_address(request.scope["aws.event"]), request.state.request_id)


def admin_routes(wiring: Wiring) -> APIRouter:
    routes = APIRouter(tags=["administration"])
    administer = wiring.administer

    @routes.get("/users")
    def users(me: Me, email: Email = None, limit: Limit = 20, cursor: Cursor = None) -> dict[str, Any]:
        """All, newest first, or the one with this address. Those whose accounts are being erased are not listed."""
        scope = (me.user_id, "users")
        page = administer.find(email, limit, decode_cursor(cursor, *scope))
        return {
            "data": [managed_view(user) for user in page.items],
            "next_cursor": page.position and encode_cursor(page.position, *scope),
        }

    @routes.get("/users/{user_id}")
    def user(user_id: Id) -> dict[str, Any]:
        return managed_view(administer.get(user_id))

    @routes.patch("/users/{user_id}")
    def change(user_id: Id, wanted: UserChange, request: Request, me: Me) -> dict[str, Any]:
        """Who is suspended is signed out at once, and no key of theirs works any more. It shows in the audit log of both."""
        return managed_view(administer.change(_by(request, me), user_id, wanted.wish()))

    @routes.delete("/users/{user_id}/sessions", status_code=204)
    def sign_out(user_id: Id, request: Request, me: Me) -> None:
        """On all devices."""
        administer.end_sessions(_by(request, me), user_id)

    @routes.get("/audit")
    def audit(me: Me, user_id: OfUser, limit: Limit = 20, cursor: Cursor = None) -> dict[str, Any]:
        """What was done in the account of ``user_id``, and by that user elsewhere as an administrator; newest first, for a year."""
        scope = (me.user_id, "audit", user_id)
        page = kept(wiring.audit.of(user_id, limit, decode_cursor(cursor, *scope)), system_clock())
        return {
            "data": [audit_view(entry) for entry in page.items],
            "next_cursor": page.position and encode_cursor(page.position, *scope),
        }

    @routes.get("/tiers")
    def tiers() -> dict[str, Any]:
        """What each tier may use. Bytes; minutes, characters and tokens of a month."""
        return {"data": tier_views(), "next_cursor": None}

    return routes

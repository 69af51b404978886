"""The caller's own account."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from asked import device, listed, me, page_of
from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router
from shapes import ERASE, PASSWORD, PROFILE, changes_of
from views import nothing, usage_view, user_view
from wiring import wiring

from antiphon.identity.model import User
from antiphon.identity.tiers import limits_of
from antiphon.platform.audit import audit_view, kept
from antiphon.platform.clock import rfc3339, system_clock
from antiphon.platform.rest import body_of, raw_body
from antiphon.speech.metering import month_at

router = Router()
ERASE_FOR = timedelta(seconds=20)
"""What one request may take of an erasure; the gateway gives up after 29."""


def profile(user: User) -> dict[str, Any]:
    """Files put under the inbox's prefix become jobs with the user's defaults."""
    settings = wiring().settings
    return {
        **user_view(user),
        "has_password": bool(user.password_hash),
        "preferences": dict(user.preferences),
        "inbox": {"bucket": settings.uploads_bucket, "prefix": f"inbox/{user.id}/", "region": settings.region},
    }


@router.get("/v1/me")
def get_me() -> dict[str, Any]:
    return profile(wiring().account.get(me(router).user_id))


@router.patch("/v1/me")
def change_me() -> dict[str, Any]:
    """JSON Merge Patch: what is left out stays, null removes."""
    sent = body_of(raw_body(router), PROFILE)
    return profile(wiring().account.change(me(router).user_id, **changes_of(sent)))


@router.delete("/v1/me")
def erase_me() -> Response[Any]:
    """Everything of the account, objects included. With a ``password``, only if it is right: who finds an unlocked phone has none.

    200 when nothing is left; 202 while it goes on by itself. From the first moment on nobody is signed in.
    """
    raw, caller, here = raw_body(router), me(router), device(router)
    sent = body_of(raw, ERASE) if raw else {}
    if "password" in sent:
        wiring().account.check_password(caller.user_id, sent["password"], "password", here)
    receipt = wiring().erase(caller.user_id, system_clock() + ERASE_FOR)
    body = {
        "status": "erased" if receipt.complete else "erasing",
        "rows": receipt.rows,
        "objects": receipt.objects,
        "versions": receipt.versions,
        "at": rfc3339(receipt.at),
    }
    return Response(200 if receipt.complete else 202, "application/json", body)


@router.get("/v1/me/usage")
def usage() -> dict[str, Any]:
    """Of this month, and what the tier allows."""
    now = system_clock()
    user = wiring().account.get(me(router).user_id)
    used = wiring().usage.of(user.id, month_at(now))
    return usage_view(used, limits_of(user.tier), user.tier, now)


@router.get("/v1/me/audit")
def own_audit() -> dict[str, Any]:
    """What was done in this account, newest first, for a year."""
    scope = (me(router).user_id, "audit")
    page = kept(wiring().audit.of(scope[0], *page_of(router, *scope)), system_clock())
    return listed(page, audit_view, *scope)


@router.post("/v1/me/password")
def change_password() -> Response[Any]:
    """Ends all sessions but this one."""
    sent = body_of(raw_body(router), PASSWORD)
    wiring().account.change_password(
        me(router).user_id,
        me(router).session_id,
        current=sent["current_password"],
        new=sent["new_password"],
        device=device(router),
    )
    return nothing()

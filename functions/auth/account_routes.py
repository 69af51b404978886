"""The caller's own account."""

from __future__ import annotations

from typing import Any

from asked import device, listed, me, page_of
from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router
from shapes import PASSWORD, PROFILE, changes_of
from views import audit_view, nothing, user_view
from wiring import wiring

from antiphon.identity.model import User
from antiphon.platform.rest import body_of, raw_body

router = Router()


def profile(user: User) -> dict[str, Any]:
    """Files put under the inbox's prefix become jobs with the user's defaults."""
    settings = wiring().settings
    inbox = {"bucket": settings.uploads_bucket, "prefix": f"inbox/{user.id}/", "region": settings.region}
    return {**user_view(user), "preferences": dict(user.preferences), "inbox": inbox}


@router.get("/v1/me")
def get_me() -> dict[str, Any]:
    return profile(wiring().account.get(me(router).user_id))


@router.patch("/v1/me")
def change_me() -> dict[str, Any]:
    """JSON Merge Patch: what is left out stays, null removes."""
    sent = body_of(raw_body(router), PROFILE)
    return profile(wiring().account.change(me(router).user_id, **changes_of(sent)))


@router.get("/v1/me/audit")
def own_audit() -> dict[str, Any]:
    """What was done in this account, newest first, for a year."""
    scope = (me(router).user_id, "audit")
    return listed(wiring().audit.of(scope[0], *page_of(router, *scope)), audit_view, *scope)


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

"""Signed-in devices."""

from __future__ import annotations

from typing import Any

from asked import listed, me, page_of
from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router
from views import nothing, session_view
from wiring import wiring

router = Router()


@router.get("/v1/auth/sessions")
def sessions() -> dict[str, Any]:
    scope = (me(router).user_id, "sessions")
    page = wiring().account.sessions(scope[0], *page_of(router, *scope))
    own = me(router).session_id
    return listed(page, lambda s: session_view(s, current=s.id == own), *scope)


@router.delete("/v1/auth/sessions")
def end_all() -> Response[Any]:
    """Signs out everywhere, here too."""
    wiring().account.end_sessions(me(router).user_id)
    return nothing()


@router.delete("/v1/auth/sessions/<session_id>")
def end(session_id: str) -> Response[Any]:
    wiring().account.end_session(me(router).user_id, session_id)
    return nothing()

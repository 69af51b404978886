"""What the routes take and give."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.event_handler import Response

from antiphon.identity.sign_in import SignedIn
from antiphon.platform.clock import rfc3339
from antiphon.platform.rest import text

REGISTER = {"email": text(3, 320), "password": text(1, 2000)}
OPTIONAL_REGISTER = {"display_name": text(1, 100)}
LOGIN = REGISTER


def signed_in(status: int, found: SignedIn) -> Response[Any]:
    user = found.user
    shown = {
        "id": user.id,
        "email": user.email,
        "display_name": user.display_name,
        "tier": user.tier,
        "role": user.role,
        "created_at": rfc3339(user.created_at),
    }
    body = {
        "user": shown,
        "access_token": found.access_token,
        "refresh_token": found.refresh_token,
        "token_type": "bearer",
        "expires_in": found.expires_in,
    }
    return Response(status, "application/json", body)

"""Identity: sign in and out, the own account, API keys, and the public keys of the access tokens."""

from __future__ import annotations

from typing import Any

import account_routes
import key_routes
import session_routes
import sign_in_routes
from aws_lambda_powertools.event_handler import APIGatewayRestResolver
from wiring import wiring

from antiphon.platform.rest import answer, make_resolver

app: APIGatewayRestResolver = make_resolver()
for routes in (sign_in_routes, session_routes, account_routes, key_routes):
    app.include_router(routes.router)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return answer(app, event, context, wiring().logger, wiring().gate)

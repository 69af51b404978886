"""Lets a request in, or not: the gateway asks before it calls any other function.

Whatever goes wrong here but a bad token is an error, which the gateway turns into a 503: it never lets anybody in.
"""

from __future__ import annotations

from typing import Any

from wiring import admit, logger, origin

from antiphon.identity.admit import Admitted
from antiphon.platform.clock import rfc3339
from antiphon.platform.errors import Unauthorized
from antiphon.realtime.model import token_of


def policy(found: Admitted, method_arn: str) -> dict[str, Any]:
    """Allows the whole stage, because the gateway remembers the answer for the token, not for the route."""
    stage = "/".join(method_arn.split("/", 2)[:2])
    context = {
        "user_id": found.user_id,
        "tier": found.tier,
        "role": found.role,
        "scopes": found.scopes,
        "session_id": found.session_id,
        "key_id": found.key_id,
        "budget": "" if found.budget is None else str(found.budget),
        "expires_at": rfc3339(found.expires_at) if found.expires_at else "",
    }
    return {**_statement("Allow", f"{stage}/*", found.user_id), "context": context}


def _statement(effect: str, resource: str, principal: str) -> dict[str, Any]:
    statement = {"Action": "execute-api:Invoke", "Effect": effect, "Resource": resource}
    return {"principalId": principal, "policyDocument": {"Version": "2012-10-17", "Statement": [statement]}}


def connecting(event: dict[str, Any], headers: dict[str, str]) -> dict[str, Any]:
    """For the WebSocket API: a browser says where it comes from, and can send a token as a subprotocol only.

    A refusal is a policy, not an exception, which the emulator's gateway takes for a failure.
    """
    try:
        if headers.get("origin", origin()) != origin():
            raise Unauthorized
        found = admit().by_token(token_of(headers.get("sec-websocket-protocol", "")))
    except Unauthorized:
        logger().info("refused", route="$connect", origin=headers.get("origin"))
        return _statement("Deny", event["methodArn"], "nobody")
    logger().info("admitted", user_id=found.user_id, route="$connect")
    return policy(found, event["methodArn"])


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    if (event.get("requestContext") or {}).get("eventType") == "CONNECT":
        return connecting(event, headers)
    header = headers.get("authorization", "")
    try:
        found = admit()(header)
    except Unauthorized:
        logger().info("refused", route=event.get("resource"))
        # The gateway knows a refusal by this very text.
        raise Exception("Unauthorized") from None
    logger().info("admitted", user_id=found.user_id, route=event.get("resource"))
    return policy(found, event["methodArn"])

"""Lets a request in, or not: the gateway asks before it calls any other function.

Whatever goes wrong here but a bad token is an error, which the gateway turns into a 503: it never lets anybody in.
"""

from __future__ import annotations

from typing import Any

from wiring import admit, logger

from antiphon.identity.admit import Admitted
from antiphon.platform.errors import Unauthorized


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
    }
    return {
        "principalId": found.user_id,
        "policyDocument": {
            "Version": "2012-10-17",
            "Statement": [{"Action": "execute-api:Invoke", "Effect": "Allow", "Resource": f"{stage}/*"}],
        },
        "context": context,
    }


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    header = next((v for k, v in (event.get("headers") or {}).items() if k.lower() == "authorization"), "")
    try:
        found = admit()(header)
    except Unauthorized:
        logger().info("refused", route=event.get("resource"))
        # The gateway knows a refusal by this very text.
        raise Exception("Unauthorized") from None
    logger().info("admitted", user_id=found.user_id, route=event.get("resource"))
    return policy(found, event["methodArn"])

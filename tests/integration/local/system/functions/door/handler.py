"""Let in whoever shows a token; the token is the name."""

from __future__ import annotations

from typing import Any


def handle(event: dict[str, Any], context: Any) -> dict[str, Any]:
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    name = headers.get("authorization", "").removeprefix("Bearer ")
    print(f"door: {name}")
    statement = {"Action": "execute-api:Invoke", "Effect": "Allow" if name != "stranger" else "Deny", "Resource": "*"}
    return {
        "principalId": name,
        "policyDocument": {"Version": "2012-10-17", "Statement": [statement]},
        "context": {"user": name},
    }

"""Who calls and under which request id, as every HTTP function needs them."""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from antiphon.platform.errors import Unauthorized
from antiphon.platform.ids import is_id, new_id
from antiphon.platform.trace import trace_of

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


@dataclass(frozen=True)
class Caller:
    """What the authorizer found. ``key_id``, ``scopes``: of an API key; a device's own key has the id of the device; a signed-in person has a ``session_id``,
    and may do all that the role allows. ``budget``: millionths of a dollar that the jobs of this key may cost in a month; None for no limit."""

    user_id: str
    tier: str
    role: str = "user"
    scopes: frozenset[str] = frozenset()
    key_id: str = ""
    session_id: str = ""
    budget: int | None = None

    @property
    def device_id(self) -> str:
        """Of a device that calls by its own key; else empty."""
        return self.key_id if is_id(self.key_id, "dev") else ""


def caller_of(event: Mapping[str, Any]) -> Caller:
    """event: of API Gateway (REST). Raises Unauthorized where no authorizer let the request through."""
    context = (event.get("requestContext") or {}).get("authorizer") or {}
    if not context.get("user_id"):
        raise Unauthorized
    return Caller(
        context["user_id"],
        context.get("tier") or "free",
        context.get("role") or "user",
        frozenset((context.get("scopes") or "").split()),
        context.get("key_id") or "",
        context.get("session_id") or "",
        int(context["budget"]) if context.get("budget") else None,
    )


def request_id_of(headers: Mapping[str, str]) -> str:
    """The caller's ``X-Request-Id`` where it is a plain token, else the id of the request's trace, else a new one."""
    lowered = {name.lower(): value for name, value in headers.items()}
    given = lowered.get("x-request-id", "")
    if _REQUEST_ID.fullmatch(given):
        return given
    return trace_of(lowered.get("x-amzn-trace-id", "")) or new_id("req")


def client_address(event: Mapping[str, Any]) -> str:
    """As the gateway saw it or, of a request with the mark of our own CloudFront, as that saw it; never from a header that a caller can write.

    The stage has the mark as its variable ``edge``; CloudFront writes it, and the address, over whatever a caller sent under these names.
    """
    mark = (event.get("stageVariables") or {}).get("edge")
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    if mark and hmac.compare_digest(headers.get("x-antiphon-edge", "").encode(), mark.encode()):
        return headers.get("x-antiphon-viewer") or "unknown"
    return ((event.get("requestContext") or {}).get("identity") or {}).get("sourceIp") or "unknown"

"""What every request passes on its way in and out, whichever frame it comes through: access, allowance, audit."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from antiphon.platform import access as table
from antiphon.platform.access import Access, Who
from antiphon.platform.audit import AuditLog, Entry
from antiphon.platform.clock import Clock
from antiphon.platform.errors import Forbidden
from antiphon.platform.limits import CREATIONS, KEYS, TOTAL, Allowance, Limiter, network_of, spend
from antiphon.platform.request import Caller, caller_of, client_address
from antiphon.platform.segments import tell
from antiphon.platform.trace import header_of

if TYPE_CHECKING:
    from aws_lambda_powertools import Logger

SECURITY_HEADERS: Mapping[str, str] = {
    "Strict-Transport-Security": "max-age=63072000; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}
"""On every answer that does not say otherwise itself."""


@dataclass
class Pass:
    """A request that was let in. ``headers``: for its answer."""

    access: Access
    caller: Caller | None
    address: str
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Ended:
    """How a request ended: a status or the code of a problem, and the id of the thing that the answer is about. ``replayed``: the answer of
    an earlier request, which did what this one only asked for again."""

    outcome: str
    target: str

    @classmethod
    def of(cls, status: int, body: str, *, replayed: bool = False) -> Ended:
        found = json.loads(body) if body.startswith("{") else {}
        outcome = "replayed" if replayed else found.get("code") or status if status >= 400 else status
        return cls(str(outcome), str(found.get("id") or ""))


def public(event: Mapping[str, Any]) -> Pass:
    """For functions whose routes are all open: nothing is counted. Raises NoEntry for a route that is not."""
    access = table.access_of(event.get("httpMethod", ""), event.get("resource", ""))
    if access.who is not Who.PUBLIC:
        raise table.NoEntry(f"{event.get('resource')} is not public")
    return Pass(access, None, client_address(event))


class Gate:
    """allowance_of: from a tier; public_posts: that one network may make a minute without signing in, None where there are none."""

    def __init__(
        self,
        *,
        limiter: Limiter,
        audit: AuditLog,
        clock: Clock,
        allowance_of: Callable[[str], Allowance],
        public_posts: int | None = None,
        routes: Mapping[str, Access] = table.ROUTES,
    ) -> None:
        self._limiter = limiter
        self._audit = audit
        self._clock = clock
        self._allowance_of = allowance_of
        self._public_posts = public_posts
        self._routes = routes

    def enter(self, event: Mapping[str, Any], request_id: str) -> Pass:
        """event: of API Gateway (REST). Raises Unauthorized, Forbidden, RateLimited; NoEntry for a route that nobody thought of."""
        method, resource = event.get("httpMethod", ""), event.get("resource", "")
        access, address = table.access_of(method, resource, self._routes), client_address(event)
        if access.who is Who.PUBLIC:
            if method != "POST" or self._public_posts is None:
                return Pass(access, None, address)
            subject = f"network#{network_of(address)}"
            return Pass(
                access, None, address, spend(self._limiter, subject, {TOTAL: self._public_posts}, self._clock()).headers
            )
        caller = caller_of(event)
        allowance = self._allowance_of(caller.tier)
        limits = {TOTAL: allowance.requests}
        if access.creates:
            limits[CREATIONS] = allowance.creations
        if caller.key_id:
            limits[KEYS] = allowance.key_requests
        # Counted first: each denial below leaves an entry for a year, and nobody may make more of those than requests.
        counted = spend(self._limiter, caller.user_id, limits, self._clock())
        try:
            table.check(access, caller)
        except Forbidden as refused:
            self._note(caller, address, access.action or f"{method} {resource}", resource, refused.code, request_id, 0)
            raise
        return Pass(access, caller, address, counted.headers)

    def leave(
        self, let_in: Pass, event: Mapping[str, Any], ended: Ended, request_id: str, ms: int, logger: Logger
    ) -> None:
        """Notes what was changed, or was not, and tells the trace the job that it was about. Where the table cannot take the entry, the log has it: the change itself is made."""
        if let_in.caller is None or let_in.access.action is None:
            return
        target = (event.get("pathParameters") or {}).get("id") or ended.target
        tell(
            "request",
            target,
            time.time() - ms / 1000,
            fault=ended.outcome.startswith("5"),
            header=header_of(event.get("headers") or {}),
        )
        try:
            self._note(let_in.caller, let_in.address, let_in.access.action, target, ended.outcome, request_id, ms)
        except Exception:
            logger.exception(
                "audit entry not written",
                user_id=let_in.caller.user_id,
                action=let_in.access.action,
                target=target,
                outcome=ended.outcome,
            )

    def _note(
        self, caller: Caller, address: str, action: str, target: str, outcome: str, request_id: str, ms: int
    ) -> None:
        self._audit.append(
            Entry(
                user_id=caller.user_id,
                actor=caller.key_id or caller.user_id,
                action=action,
                target=target[:100],
                outcome=outcome,
                at=self._clock(),
                request_id=request_id,
                address=address,
                ms=ms,
            )
        )

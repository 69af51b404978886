"""The gate before what a message does: the same counters, rights and audit log as of a request."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from antiphon.platform.gate import Ended, Gate
from antiphon.realtime.model import Connection

if TYPE_CHECKING:
    from aws_lambda_powertools import Logger


class GateOfSockets:
    """gate: with the table `antiphon.realtime.model.ACTIONS` for its routes."""

    def __init__(self, gate: Gate, logger: Logger) -> None:
        self._gate = gate
        self._logger = logger

    def __call__(self, connection: Connection, action: str, request_id: str) -> Callable[[str, str], None]:
        event, began = _as_request(connection, action), time.perf_counter()
        let_in = self._gate.enter(event, request_id)

        def done(outcome: str, target: str) -> None:
            ms = round((time.perf_counter() - began) * 1000)
            self._gate.leave(let_in, event, Ended(outcome, target), request_id, ms, self._logger)

        return done


def _as_request(connection: Connection, action: str) -> dict[str, Any]:
    """In the form in which the gate knows requests."""
    caller = connection.caller
    found = {
        "user_id": caller.user_id,
        "tier": caller.tier,
        "role": caller.role,
        "scopes": " ".join(sorted(caller.scopes)),
        "key_id": caller.key_id,
        "session_id": caller.session_id,
    }
    context = {"authorizer": found, "identity": {"sourceIp": connection.address}}
    return {"httpMethod": "SOCKET", "resource": action, "requestContext": context}

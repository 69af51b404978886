"""The WebSocket API: somebody connects, says something, leaves. Answers go out by the management API, never as the return value."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from wiring import wiring

from antiphon.identity import api_keys
from antiphon.platform.clock import from_rfc3339
from antiphon.platform.errors import Forbidden
from antiphon.platform.problem import internal
from antiphon.platform.request import caller_of, client_address
from antiphon.realtime.model import PROTOCOL, token_of
from antiphon.realtime.ports import Gone, Slow
from antiphon.realtime.show import error_frame


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    asked = event["requestContext"]
    wiring().logger.append_keys(connection_id=asked["connectionId"], request_id=asked["requestId"])
    if asked["eventType"] == "CONNECT":
        return connect(event)
    if asked["eventType"] == "DISCONNECT":
        wiring().door.left(caller_of(event).user_id, asked["connectionId"])
        wiring().logger.info("disconnected", user_id=caller_of(event).user_id, code=asked.get("disconnectStatusCode"))
        return {"statusCode": 200}
    return receive(event)


def connect(event: dict[str, Any]) -> dict[str, Any]:
    """The subprotocol has to be said back, or a browser closes."""
    asked, caller, address = event["requestContext"], caller_of(event), client_address(event)
    offered = next((v for k, v in event["headers"].items() if k.lower() == "sec-websocket-protocol"), "")
    token = token_of(offered)
    try:
        wiring().door.open(
            asked["connectionId"],
            caller,
            expires_at=_moment(asked["authorizer"].get("expires_at")),
            key_hash=api_keys.key_hash(token) if token.startswith(api_keys.PREFIX) else "",
            address=address,
        )
    except Forbidden as refused:
        wiring().logger.info("refused", user_id=caller.user_id, code=refused.code)
        return {"statusCode": refused.status}
    wiring().logger.info("connected", user_id=caller.user_id, key_id=caller.key_id, address=address)
    return {"statusCode": 200, "headers": {"Sec-WebSocket-Protocol": PROTOCOL}}


def receive(event: dict[str, Any]) -> dict[str, Any]:
    asked, user_id, work = event["requestContext"], caller_of(event).user_id, wiring()
    try:
        heard = work.receive(user_id, asked["connectionId"], event.get("body") or "", asked["requestId"])
    except Exception:
        work.logger.exception("not done", user_id=user_id)
        try:
            work.sockets.post(asked["connectionId"], error_frame(internal(), asked["requestId"]))
        except (Gone, Slow):
            work.logger.info("nobody was told", user_id=user_id)
    else:
        work.logger.info("heard", user_id=user_id, action=heard.action, code=heard.code)
    return {"statusCode": 200}


def _moment(text: str | None) -> datetime | None:
    return from_rfc3339(text) if text else None

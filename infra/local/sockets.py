"""The part of the edge that stands where CloudFront passes WebSockets on to API Gateway: what comes from one side goes to the other, unread."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from starlette.types import Message, Receive, Scope, Send
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.typing import Subprotocol

MAX_MESSAGE = 128 * 1024
MAX_FRAME = 32 * 1024
"""Bytes that API Gateway takes as one message, and as one frame of it; what is longer closes the connection (1009)."""
_FORWARDED = ("origin", "user-agent")


async def pass_on(api: str, scope: Scope, receive: Receive, send: Send) -> None:
    """api: address of the stage of the WebSocket API."""
    if (await receive())["type"] != "websocket.connect":
        return
    offered = [Subprotocol(name) for name in scope.get("subprotocols", [])]
    headers = [(k.decode("latin-1"), v.decode("latin-1")) for k, v in scope["headers"] if k.decode() in _FORWARDED]
    # No pings of its own: whether the other side is there is between the two ends.
    opening = connect(
        api,
        subprotocols=offered or None,
        additional_headers=[(name, value) for name, value in headers if name != "user-agent"],
        user_agent_header=next((value for name, value in headers if name == "user-agent"), None),
        max_size=MAX_MESSAGE,
        ping_interval=None,
        proxy=None,
        compression=None,
        open_timeout=30,
        close_timeout=2,
    )
    try:
        async with opening as upstream:
            await send({"type": "websocket.accept", "subprotocol": upstream.subprotocol})
            await _between(upstream, receive, send)
    except InvalidStatus as refused:
        await _refuse(send, refused.response.status_code)
    except (OSError, InvalidHandshake, TimeoutError):
        await _refuse(send, 503)


async def _between(upstream: ClientConnection, receive: Receive, send: Send) -> None:
    """Until either side has closed."""
    up = asyncio.create_task(_up(upstream, receive))
    down = asyncio.create_task(_down(upstream, send))
    done, open_ones = await asyncio.wait((up, down), return_when=asyncio.FIRST_COMPLETED)
    for task in open_ones:
        task.cancel()
    await asyncio.gather(*open_ones, return_exceptions=True)
    if down in done:
        code = upstream.close_code or 1000
        await send(
            {"type": "websocket.close", "code": code if code != 1006 else 1001, "reason": upstream.close_reason or ""}
        )
    for task in done:
        task.result()


async def _up(upstream: ClientConnection, receive: Receive) -> None:
    while (message := await receive())["type"] == "websocket.receive":
        try:
            await upstream.send(_payload(message))
        except ConnectionClosed:
            return


async def _down(upstream: ClientConnection, send: Send) -> None:
    async for payload in upstream:
        await send(
            {"type": "websocket.send", **({"text": payload} if isinstance(payload, str) else {"bytes": payload})}
        )


def _payload(message: Message) -> str | bytes:
    text: str | None = message.get("text")
    return text if text is not None else message["bytes"]


async def _refuse(send: Send, status: int) -> None:
    headers: Sequence[tuple[bytes, bytes]] = [(b"content-length", b"0")]
    await send({"type": "websocket.http.response.start", "status": status, "headers": list(headers)})
    await send({"type": "websocket.http.response.body", "body": b""})

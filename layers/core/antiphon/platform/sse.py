"""Server-sent events: an answer that comes piece by piece, kept alive, and ended when its reader leaves."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from typing import Any, cast

from fastapi import Request
from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event
from starlette.responses import StreamingResponse
from starlette.types import Send

MEDIA_TYPE = "text/event-stream"
PING_EVERY = 15.0
"""Seconds of silence after which a comment is sent: proxies close what says nothing for 30."""


def wants_stream(request: Request) -> bool:
    """Whether the answer is to come as server-sent events."""
    return MEDIA_TYPE in request.headers.get("accept", "") or request.url.path.endswith("/stream")


def event(name: str, data: Mapping[str, Any], id: str | None = None) -> bytes:
    return format_sse_event(event=name, data_str=json.dumps(data, ensure_ascii=False), id=id)


class EventStream(StreamingResponse):
    """events: bytes of whole events; its iterator is closed as soon as the reader has left. ping_every: seconds of silence until a comment.

    A piece goes from the iterator to the socket in the task that serves the request. The one other task of a stream sleeps until it may be silent for too long.
    """

    media_type = MEDIA_TYPE

    def __init__(self, events: AsyncIterator[bytes], ping_every: float = PING_EVERY) -> None:
        super().__init__(events, headers={"X-Accel-Buffering": "no", "Cache-Control": "no-store"})
        self._ping_every = ping_every
        self._sending = False
        self._sent_at = 0.0

    async def stream_response(self, send: Send) -> None:
        now = asyncio.get_running_loop().time
        async with aclosing(cast(Any, self.body_iterator)) as events:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            self._sent_at = now()
            pings = asyncio.create_task(self._ping(send))
            try:
                async for piece in events:
                    self._sending = True
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
                    self._sending, self._sent_at = False, now()
            finally:
                pings.cancel()
                # What it may have failed with, the reader's leaving, a piece fails with too.
                await asyncio.gather(pings, return_exceptions=True)
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _ping(self, send: Send) -> None:
        """Between two events only: one that is on its way has the word."""
        now = asyncio.get_running_loop().time
        while True:
            silent = now() - self._sent_at
            if silent >= self._ping_every and not self._sending:
                await send({"type": "http.response.body", "body": KEEPALIVE_COMMENT, "more_body": True})
                self._sent_at, silent = now(), 0.0
            await asyncio.sleep(max(self._ping_every - silent, self._ping_every / 10))

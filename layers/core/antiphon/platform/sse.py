"""Server-sent events: an answer that comes piece by piece, kept alive, and ended when its reader leaves."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing, suppress
from typing import Any, cast

from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event
from starlette.responses import StreamingResponse
from starlette.types import Send

MEDIA_TYPE = "text/event-stream"
PING_EVERY = 15.0
"""Seconds of silence after which a comment is sent: proxies close what says nothing for 30."""


def event(name: str, data: Mapping[str, Any], id: str | None = None) -> bytes:
    return format_sse_event(event=name, data_str=json.dumps(data, ensure_ascii=False), id=id)


async def pinged(events: AsyncIterator[bytes], every: float = PING_EVERY) -> AsyncIterator[bytes]:
    """events: closed when this is."""
    waiting: asyncio.Future[bytes] | None = None
    async with aclosing(cast(Any, events)):
        try:
            while True:
                if waiting is None:
                    waiting = asyncio.ensure_future(cast(Any, anext(events)))
                done, _ = await asyncio.wait({waiting}, timeout=every)
                if not done:
                    yield KEEPALIVE_COMMENT
                    continue
                ended, waiting = waiting, None
                try:
                    piece = ended.result()
                except StopAsyncIteration:
                    return
                yield piece
        finally:
            if waiting is not None:
                waiting.cancel()
                with suppress(asyncio.CancelledError, StopAsyncIteration):
                    await waiting


class EventStream(StreamingResponse):
    """events: bytes of whole events; its iterator is closed as soon as the reader has left."""

    media_type = MEDIA_TYPE

    def __init__(self, events: AsyncIterator[bytes]) -> None:
        super().__init__(pinged(events), headers={"X-Accel-Buffering": "no", "Cache-Control": "no-store"})

    async def stream_response(self, send: Send) -> None:
        async with aclosing(cast(Any, self.body_iterator)):
            await super().stream_response(send)

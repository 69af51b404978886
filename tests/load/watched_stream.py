"""The streaming server as it is deployed, with a watch at its side. Started by chat_bench.

Before the first delta of an answer it sends a comment with the milliseconds that AWS calls of this request took, and those of processor time until here; ``/cpu`` tells the seconds of processor time that the
process has used; ``/bare`` asks the model through its SDK alone, as `stream` in OpenAiChat does.
"""

from __future__ import annotations

import os
import time
from typing import Any

import stream
from botocore.endpoint import Endpoint
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from antiphon.platform import behind_gateway

spent: list[float] = []


class Watched:
    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/cpu":
            await _answer(send, time.process_time())
        elif scope["path"] == "/bare":
            await _answer(send, await _bare())
        else:
            await self._watch(scope, receive, send)

    async def _watch(self, scope: Scope, receive: Receive, send: Send) -> None:
        spent.clear()
        begun, since = False, time.process_time()

        async def told(message: Message) -> None:
            nonlocal begun
            if not begun and b"event: delta" in message.get("body", b""):
                begun = True
                comment = f": aws {sum(spent) * 1000} {(time.process_time() - since) * 1000}\n\n".encode()
                await send({"type": "http.response.body", "body": comment, "more_body": True})
            await send(message)

        await self._app(scope, receive, told)


async def _answer(send: Send, value: float) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(value).encode()})


async def _bare() -> int:
    from openai import AsyncOpenAI

    pieces = 0
    async with AsyncOpenAI(base_url=os.environ["OPEN_AI_URL"], api_key="k") as client:
        turn: Any = {"role": "user", "content": "Hello?"}
        async for chunk in await client.chat.completions.create(model="m", messages=[turn], stream=True):
            pieces += bool(chunk.choices and chunk.choices[0].delta.content)
    return pieces


def main() -> None:
    make_request, from_gateway = Endpoint.make_request, behind_gateway.FromGateway

    def timed(self: Any, *arguments: Any) -> Any:
        started = time.perf_counter()
        try:
            return make_request(self, *arguments)
        finally:
            spent.append(time.perf_counter() - started)

    Endpoint.make_request = timed
    behind_gateway.FromGateway = lambda app: Watched(from_gateway(app))
    stream.main()


if __name__ == "__main__":
    main()

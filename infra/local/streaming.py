"""The part of the edge that stands where API Gateway's response streaming does: it asks the authorizer, as the gateway does, and passes an answer on while it comes.

The emulator's gateway gives every answer in one piece.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from typing import Any, cast

import boto3
import httpx
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.types import Send

ROUTES = {
    "GET /v1/models",
    "POST /v1/audio/transcriptions",
    "POST /v1/audio/translations",
    "POST /v1/audio/speech",
    "GET /v1/audio/voices",
    "GET /v1/transcriptions/{id}/events",
    "GET /v1/speech/{id}/events",
    "POST /v1/chat/completions",
    "POST /v1/conversations/{id}/messages",
    "POST /v1/conversations/{id}/messages/stream",
    "GET /v1/conversations/{id}/export",
    "POST /v1/conversations/{id}/export",
}
"""Those that infra/api.yaml sends to a function that streams."""
_SHAPES = {
    re.compile(f"{method} {re.escape(template).replace(re.escape('{id}'), '[^/]+')}"): template
    for method, template in map(str.split, sorted(ROUTES))
}


def route_of(method: str, path: str) -> str | None:
    """The template of a route that streams; None for all others."""
    asked = f"{method} {path}"
    return next((template for shape, template in _SHAPES.items() if shape.fullmatch(asked)), None)


class Refused(Exception):
    """The authorizer does not know the caller."""


class Authorizer:
    """function: its name; asked anew for each request, as with an AuthorizerTtl of 0."""

    def __init__(self, function: str) -> None:
        self._lambda = boto3.client("lambda")
        self._function = function

    async def __call__(self, method: str, template: str, request: Request) -> Mapping[str, str]:
        """What it says of the caller. Raises Refused, OSError."""
        event = {
            "type": "REQUEST",
            "methodArn": f"arn:aws:execute-api:us-east-1:000000000000:api/live/{method}{template}",
            "resource": template,
            "path": request.url.path,
            "httpMethod": method,
            "headers": dict(request.headers),
        }
        payload = json.dumps(event).encode()
        answer = await asyncio.to_thread(self._lambda.invoke, FunctionName=self._function, Payload=payload)
        found = json.loads(await asyncio.to_thread(answer["Payload"].read))
        if "FunctionError" in answer:
            if "Unauthorized" in found.get("errorMessage", ""):
                raise Refused
            raise OSError(f"the authorizer failed: {found.get('errorMessage')}")
        context: Mapping[str, str] = found["context"]
        return context


class Passing(StreamingResponse):
    """Closes the way to the server as soon as the client has left."""

    async def stream_response(self, send: Send) -> None:
        async with aclosing(cast(Any, self.body_iterator)):
            await super().stream_response(send)


SILENCE = httpx.Timeout(300, connect=2)
"""The gateway closes a stream that says nothing for so many seconds."""


class Streaming:
    """servers: addresses of the streaming servers, by the beginning of the paths that they answer; the longest that fits is asked."""

    def __init__(self, client: httpx.AsyncClient, servers: Mapping[str, str], authorizer: Authorizer) -> None:
        self._client = client
        self._servers = servers
        self._authorizer = authorizer

    async def forward(
        self, request: Request, template: str, headers: list[tuple[str, str]], body: bytes, returned: set[str]
    ) -> StreamingResponse:
        """returned: names of headers that are not passed back, but for the length, which is that of the pieces. Raises Refused, OSError, httpx.TransportError."""
        caller = await self._authorizer(request.method, template, request)
        context = {
            "resourcePath": template,
            "httpMethod": request.method,
            "identity": {"sourceIp": request.client.host if request.client else "127.0.0.1"},
            "authorizer": dict(caller),
        }
        own = [(name, value) for name, value in headers if name.lower() != "x-amzn-request-context"]
        path = request.scope["raw_path"].decode("latin-1")
        query = request.scope["query_string"].decode("latin-1")
        server = self._servers[max((start for start in self._servers if template.startswith(start)), key=len)]
        outgoing = self._client.build_request(
            request.method,
            f"{server}{path}{'?' + query if query else ''}",
            headers=[
                *((k.encode("latin-1"), v.encode("latin-1")) for k, v in own),
                (b"x-amzn-request-context", json.dumps(context).encode()),
            ],
            content=body,
            timeout=SILENCE,
        )
        answer = await self._client.send(outgoing, stream=True)
        response = Passing(_pieces(answer), answer.status_code)
        response.raw_headers = [
            (key.lower(), value)
            for key, value in answer.headers.raw
            if key.lower().decode() not in returned - {"content-length"}
        ]
        return response


async def _pieces(answer: httpx.Response) -> AsyncIterator[bytes]:
    try:
        async for piece in answer.aiter_raw():
            yield piece
    finally:
        await answer.aclose()

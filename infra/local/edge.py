"""The edge of the laptop, where CloudFront stands in the cloud: `/v1` goes to the API, `/ws` to the WebSocket API, everything else is the web app.

    python -m infra.local.edge --port 8000 --api http://127.0.0.1:4566/_aws/execute-api/<id>/<stage> --web infra/web

It passes requests through and adds what CloudFront adds; it decides nothing.
"""

from __future__ import annotations

import argparse
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import unquote

import httpx
import uvicorn
from botocore.exceptions import BotoCoreError, ClientError
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from antiphon.platform import openai_errors
from antiphon.platform.behind_gateway import KEEP_ALIVE
from antiphon.platform.gate import SECURITY_HEADERS
from antiphon.platform.ids import new_id
from infra.local.pages import Pages
from infra.local.sockets import MAX_FRAME, MAX_MESSAGE, pass_on
from infra.local.streaming import Authorizer, Refused, Streaming, route_of

MAX_BODY_BYTES = 10 * 1024 * 1024
"""What the API takes in the cloud."""
_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
_HOP_BY_HOP = {
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
}
# What a client must not say about itself, and what is written anew for the next hop.
_NOT_FORWARDED = {*_HOP_BY_HOP, "host", "content-length", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-port"}
# What this hop writes itself on the way back.
_NOT_RETURNED = {*_HOP_BY_HOP, "content-length", "date", "server"}
_SECURITY_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"strict-origin-when-cross-origin"),
    (b"x-frame-options", b"DENY"),
)
_GREETING = """Antiphon: audio in, transcripts, speech and signed callbacks out.

The API is below /v1: GET /v1/health says whether it runs, POST /v1/auth/register makes a user.
"""


def problem(status: int, code: str, title: str, detail: str, headers: dict[str, str] | None = None) -> JSONResponse:
    """An error in the form of the API (RFC 9457), for requests that never reach it; `error` is what clients of OpenAI's routes read."""
    error = {
        "message": detail,
        "type": openai_errors.type_of(status),
        "param": None,
        "code": openai_errors.code_of(code),
    }
    body = {
        "type": f"/v1/docs/errors#{code}",
        "title": title,
        "status": status,
        "detail": detail,
        "code": code,
        "error": error,
    }
    return JSONResponse({**body, "request_id": new_id("req")}, status, headers, media_type="application/problem+json")


def forwarded(headers: Iterable[tuple[str, str]], client: str) -> list[tuple[str, str]]:
    """The request's headers for the next hop, with the address of the client as this hop sees it."""
    headers = list(headers)
    named = {name.strip() for key, value in headers if key.lower() == "connection" for name in value.lower().split(",")}
    kept = [(key, value) for key, value in headers if key.lower() not in _NOT_FORWARDED | named]
    return [*kept, ("x-forwarded-for", client), ("x-forwarded-proto", "http")]


class Api:
    """Passes `/v1` on to the API at the address `api`."""

    def __init__(
        self,
        api: str,
        transport: httpx.AsyncBaseTransport | None = None,
        streams: Mapping[str, str] | None = None,
        authorizer: Authorizer | None = None,
    ) -> None:
        self._api = api
        # No limit of its own below the API's 29 s; connections are kept for the next request.
        self.client = httpx.AsyncClient(timeout=httpx.Timeout(35, connect=2), trust_env=False, transport=transport)
        # Only what the client sent goes on.
        self.client.headers.clear()
        self._streaming = Streaming(self.client, streams, authorizer) if streams and authorizer else None

    async def forward(self, request: Request) -> Response:
        try:
            body = await read(request)
        except ClientDisconnect:
            return Response(status_code=499)
        if body is None:
            detail = f"A request may have at most {MAX_BODY_BYTES} bytes; upload files with POST /v1/uploads, and send the media_id that it gives."
            return problem(413, "too_large", "This is too large", detail)
        path = request.scope["raw_path"].decode("latin-1")
        if {".", ".."} & set(unquote(path).split("/")):
            # They would climb out of the API to the emulator's own addresses.
            return problem(404, "not_found", "There is nothing here", "There is no such route.")
        template = route_of(request.method, request.scope["path"]) if self._streaming else None
        if self._streaming and template:
            return await self._stream(self._streaming, request, template, body)
        query = request.scope["query_string"].decode("latin-1")
        client = request.client.host if request.client else "127.0.0.1"
        outgoing = self.client.build_request(
            request.method,
            f"{self._api}{path}{'?' + query if query else ''}",
            # As bytes: what a client sends need not be ASCII, and it is the API that answers for it.
            headers=[(k.encode("latin-1"), v.encode("latin-1")) for k, v in forwarded(request.headers.items(), client)],
            content=body,
        )
        try:
            answer = await self.client.send(outgoing, stream=True)
            # As it came: a compressed body stays compressed.
            content = b"".join([piece async for piece in answer.aiter_raw()])
        except httpx.TransportError:
            return _starting()
        response = Response(content, answer.status_code)
        kept = [(key.lower(), value) for key, value in answer.headers.raw if key.lower().decode() not in _NOT_RETURNED]
        length = answer.headers.get("content-length", "0") if request.method == "HEAD" else str(len(content))
        response.raw_headers = [*kept, (b"content-length", length.encode())]
        return response

    @staticmethod
    async def _stream(streaming: Streaming, request: Request, template: str, body: bytes) -> Response:
        client = request.client.host if request.client else "127.0.0.1"
        headers = forwarded(request.headers.items(), client)
        try:
            return await streaming.forward(request, template, headers, body, _NOT_RETURNED)
        except Refused:
            detail = "The Authorization header is missing or no longer good."
            return problem(401, "unauthorized", "Sign in or send an API key", detail, dict(SECURITY_HEADERS))
        except (OSError, BotoCoreError, ClientError, httpx.TransportError):
            return _starting()


def _starting() -> Response:
    detail = "The service is starting or does not answer; repeat the request in a moment."
    return problem(503, "unavailable", "A part of the service does not answer", detail, {"Retry-After": "2"})


async def read(request: Request) -> bytes | None:
    """The body, or None as soon as it is known to be too large: at most MAX_BODY_BYTES are ever held."""
    declared = request.headers.get("content-length", "0")
    if not declared.isdecimal() or int(declared) > MAX_BODY_BYTES:
        return None
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > MAX_BODY_BYTES:
            return None
    return bytes(body)


class SecurityHeaders:
    """Adds to every answer what CloudFront's response headers policy adds; no HSTS, because this is http."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                there = {key.lower() for key, _ in message["headers"]}
                added = [header for header in _SECURITY_HEADERS if header[0] not in there]
                message = {**message, "headers": [*message["headers"], *added]}
            await send(message)

        await self._app(scope, receive, send_with_headers)


def application(
    api: str,
    web: Path | None,
    transport: httpx.AsyncBaseTransport | None = None,
    streams: Mapping[str, str] | None = None,
    authorizer: Authorizer | None = None,
    sockets: str | None = None,
    sign_in: str = "",
) -> ASGIApp:
    """The edge in front of the API at `api`, with the web app of the folder `web` where it is there.

    transport: how the API is reached; None for the network. streams: addresses of the servers whose answers are passed on while they come, by the beginning of
    their paths, for requests that `authorizer` lets in. sockets: address of the WebSocket API. sign_in: origin of the service that the web app may sign in with.
    """
    gateway = Api(api, transport, streams, authorizer)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        yield
        await gateway.client.aclose()

    async def greet(request: Request) -> Response:
        return PlainTextResponse(_GREETING)

    routes: list[BaseRoute] = []
    if web and (web / "index.html").is_file():
        origin = httpx.URL(api)  # the emulator's buckets and its API answer at one address
        routes.append(Mount("/", Pages(web, [f"{origin.scheme}://{origin.netloc.decode()}"], sign_in)))
    else:
        routes.append(Route("/", greet))
    pages = Starlette(routes=routes, lifespan=lifespan)

    async def edge(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket" and scope["path"] == "/ws" and sockets:
            await pass_on(sockets, scope, receive, send)
            return
        # Before Starlette's own routes, whose patterns end at a line break in a path.
        if scope["type"] != "http" or not (scope["path"] == "/v1" or scope["path"].startswith("/v1/")):
            await pages(scope, receive, send)
        elif scope["method"] in _METHODS:
            await (await gateway.forward(Request(scope, receive)))(scope, receive, send)
        else:
            allowed = {"Allow": ", ".join(_METHODS)}
            detail = f"The API takes {allowed['Allow']}."
            refused = problem(405, "method_not_allowed", "This method is not allowed here", detail, allowed)
            await refused(scope, receive, send)

    return SecurityHeaders(edge)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--api", required=True)
    parser.add_argument("--web", type=Path)
    parser.add_argument(
        "--stream", action="append", default=[], help="/v1/=ADDRESS of a streaming server, several times"
    )
    parser.add_argument("--authorizer", help="name of the function that lets requests to them in")
    parser.add_argument("--sockets", help="address of the WebSocket API")
    parser.add_argument("--sign-in", default="", help="origin of the service that the web app may sign in with")
    options = parser.parse_args()
    streams = dict(each.split("=", 1) for each in options.stream)
    authorizer = Authorizer(options.authorizer) if streams else None
    uvicorn.run(
        application(
            options.api,
            options.web,
            streams=streams,
            authorizer=authorizer,
            sockets=options.sockets,
            sign_in=options.sign_in,
        ),
        host="127.0.0.1",
        port=options.port,
        access_log=False,
        log_level="warning",
        server_header=False,
        # It would believe a client's own X-Forwarded-For.
        proxy_headers=False,
        timeout_graceful_shutdown=5,
        timeout_keep_alive=KEEP_ALIVE,
        ws="websockets-sansio",
        ws_max_size=(MAX_MESSAGE, MAX_FRAME),  # type: ignore[arg-type]  # goes to websockets as it is
        ws_ping_interval=None,
    )


if __name__ == "__main__":
    main()

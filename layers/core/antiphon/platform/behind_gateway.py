"""An app under uvicorn, so that answers leave piece by piece: behind the Lambda Web Adapter in the cloud, behind the edge on a laptop.

Whoever stands before it has authorized the request, and says so in ``x-amzn-request-context``: the gateway's request context as JSON. It listens on loopback
only, and nobody else reaches it.
"""

from __future__ import annotations

import json

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

CONTEXT = b"x-amzn-request-context"
KEEP_ALIVE = 65
"""Seconds that a connection may be idle. Whoever asks lets go of it first, after 5 to 60: a server that does so by its own closes the door before a request that is on its way."""


class FromGateway:
    """Gives the app the event that Mangum would have given it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers = dict(scope["headers"])
            context = json.loads(headers.get(CONTEXT) or b"{}")
            resource = context.get("resourcePath", "")
            scope = {
                **scope,
                "aws.event": {
                    "httpMethod": scope["method"],
                    "resource": resource,
                    "pathParameters": _parameters(resource, scope["path"]),
                    "requestContext": context,
                },
            }
            if scope["path"] == "/ready":
                await send({"type": "http.response.start", "status": 204, "headers": []})
                await send({"type": "http.response.body", "body": b""})
                return
        await self._app(scope, receive, send)


def _parameters(template: str, path: str) -> dict[str, str]:
    pairs = zip(template.split("/"), path.split("/"), strict=False)
    return {name[1:-1]: value for name, value in pairs if name.startswith("{") and name.endswith("}")}


def serve(app: ASGIApp, port: int) -> None:
    """Until the process is told to end. uvicorn's own words go where the process sends those of all libraries."""
    uvicorn.run(
        FromGateway(app),
        host="127.0.0.1",
        port=port,
        access_log=False,
        log_config=None,
        log_level="warning",
        server_header=False,
        proxy_headers=False,
        lifespan="off",
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=10,
    )

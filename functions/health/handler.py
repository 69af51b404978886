"""Is it there, is it alive, are its parts reachable; and the answer to every path that nobody else has."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from wiring import checks, logger

from antiphon.platform.clock import rfc3339, system_clock
from antiphon.platform.rest import answer, make_resolver

PATIENCE = 2.0
"""Seconds after which a part that has not answered counts as down."""

app: APIGatewayRestResolver = make_resolver()


@app.get("/v1/health")
def health() -> dict[str, str]:
    return {"status": "ok"}


@app.get("/v1/health/live")
def live() -> dict[str, str]:
    return {"status": "ok", "time": rfc3339(system_clock())}


@app.get("/v1/health/ready")
def ready() -> Response[Any]:
    parts = checks()
    pool = ThreadPoolExecutor(len(parts))
    asked = {name: pool.submit(check) for name, check in parts.items()}
    wait(asked.values(), timeout=PATIENCE)
    pool.shutdown(wait=False, cancel_futures=True)
    down = [name for name, reply in asked.items() if not reply.done() or reply.exception()]
    if down:
        app.context["noted"]["down"] = {
            name: repr(asked[name].exception()) if asked[name].done() else "no answer" for name in down
        }
    body = {
        "status": "unavailable" if down else "ok",
        "components": {name: "down" if name in down else "ok" for name in parts},
    }
    return Response(503 if down else 200, "application/json", body, headers={"Retry-After": "5"} if down else None)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return answer(app, event, context, logger())

"""The OpenAPI document and its human pages, as they were written by `make openapi`."""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from functools import cache
from pathlib import Path
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from wiring import logger

from antiphon.platform.rest import answer, make_resolver

HERE = Path(__file__).parent
KEPT = "public, max-age=300"

app: APIGatewayRestResolver = make_resolver()


@cache
def served(name: str) -> tuple[str, str, str]:
    """The text, its ETag, and the policy that lets a page use its own style and nothing else."""
    text = (HERE / name).read_text("utf-8")
    etag = f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'
    style = re.search(r"<style>(.*?)</style>", text, re.DOTALL)
    hashed = b64encode(hashlib.sha256(style[1].encode()).digest()).decode() if style else ""
    policy = f"default-src 'none'; style-src 'sha256-{hashed}'; base-uri 'none'; frame-ancestors 'none'"
    return text, etag, policy if style else "default-src 'none'; frame-ancestors 'none'"


def serve(name: str, content_type: str) -> Response[str]:
    text, etag, policy = served(name)
    headers = {"ETag": etag, "Cache-Control": KEPT, "Content-Security-Policy": policy}
    if etag in (app.current_event.headers.get("if-none-match") or ""):
        return Response(304, content_type, "", headers=headers)
    return Response(200, content_type, text, headers=headers)


@app.get("/v1/openapi.json")
def document() -> Response[str]:
    return serve("openapi.json", "application/json")


@app.get("/v1/docs")
def pages() -> Response[str]:
    return serve("docs.html", "text/html; charset=utf-8")


@app.get("/v1/docs/errors")
def errors() -> Response[str]:
    return serve("errors.html", "text/html; charset=utf-8")


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return answer(app, event, context, logger())

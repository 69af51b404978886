"""A light HTTP function: Powertools' resolver with our request ids, problem+json and one line of log per request. The twin of ``web.py`` without FastAPI."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError

from antiphon.platform.errors import AntiphonError, Field, Invalid, NotAllowed, NotFound, TooLarge
from antiphon.platform.problem import CONTENT_TYPE, headers, internal, problem
from antiphon.platform.request import request_id_of
from antiphon.platform.strict_json import SURROGATE, parse, require_json

if TYPE_CHECKING:
    from aws_lambda_powertools import Logger

MAX_BODY = 65_536
"""Bytes of a request to a light function; none of them needs more."""


def make_resolver() -> APIGatewayRestResolver:
    """Errors of ours, and unknown routes, come out as problem documents."""
    app = APIGatewayRestResolver()

    @app.exception_handler(AntiphonError)
    def on_error(error: AntiphonError) -> Response[str]:
        body = json.dumps(problem(error, app.context["request_id"]), ensure_ascii=False)
        return Response(error.status, CONTENT_TYPE, body, headers=headers(error))

    @app.not_found
    def on_not_found(_: NotFoundError) -> Response[str]:
        allowed = _methods(app, app.context["_path"])
        if not allowed:
            return on_error(NotFound("There is no such route."))
        refused = on_error(NotAllowed())
        refused.headers["Allow"] = ", ".join(allowed)
        return refused

    return app


def _methods(app: APIGatewayRestResolver, path: str) -> list[str]:
    """Those that the route knows; Powertools itself looks for the pair of both only."""
    return sorted({route.method for route in app._static_routes + app._dynamic_routes if route.rule.match(path)})


def answer(app: APIGatewayRestResolver, event: dict[str, Any], context: Any, logger: Logger) -> dict[str, Any]:
    """The answer of the function to API Gateway's event, and one line of log, with what a route has put into ``app.context["noted"]``."""
    started = time.perf_counter()
    request_id = request_id_of(event.get("headers") or {})
    noted: dict[str, Any] = {}
    app.append_context(request_id=request_id, noted=noted)
    logger.append_keys(request_id=request_id)
    failure: Exception | None = None
    try:
        found = app.resolve(event, context)
    except Exception as defect:  # noqa: BLE001 - the one line of log below holds it
        failure, error = defect, internal()
        found = {
            "statusCode": error.status,
            "body": json.dumps(problem(error, request_id)),
            "isBase64Encoded": False,
            "multiValueHeaders": {"Content-Type": [CONTENT_TYPE]},
        }
    sent = found.setdefault("multiValueHeaders", {})
    sent["X-Request-Id"] = [request_id]
    sent.setdefault("Cache-Control", ["no-store"])
    log = logger.error if failure else logger.info
    log(
        "request",
        exc_info=failure,
        method=event.get("httpMethod"),
        route=event.get("resource"),
        status=found["statusCode"],
        ms=round((time.perf_counter() - started) * 1000, 1),
        **noted,
    )
    return found


Check = Callable[[Any], str | None]
"""Gives what to do about a value, or None when it is fine."""


def text(least: int, most: int) -> Check:
    def check(value: Any) -> str | None:
        if not isinstance(value, str):
            return "Send a text."
        if SURROGATE.search(value):
            return "Send characters that can be written as UTF-8."
        return None if least <= len(value) <= most else f"Send {least} to {most} characters."

    return check


def raw_body(app: APIGatewayRestResolver) -> str | None:
    """The body as text. Raises Invalid where it is none, Unsupported where it is declared as something else than JSON."""
    if app.current_event.body:
        require_json(app.current_event.headers.get("content-type"))
    try:
        return app.current_event.decoded_body
    except ValueError as error:
        raise Invalid("The body must be a JSON object.", fields=(Field("", "Send JSON in UTF-8."),)) from error


def body_of(raw: str | None, required: Mapping[str, Check], optional: Mapping[str, Check]) -> dict[str, Any]:
    """The JSON object of a request with just these fields. Raises Invalid, TooLarge."""
    if raw and len(raw.encode("utf-8", "surrogatepass")) > MAX_BODY:
        raise TooLarge(f"The body may have {MAX_BODY} bytes.")
    found = parse(raw or "")
    if not isinstance(found, dict):
        raise Invalid("The body must be a JSON object.", fields=(Field("", "Send an object in braces."),))
    wrong = [Field(name, "Is missing.") for name in required if found.get(name) is None]
    wrong += [
        Field(SURROGATE.sub("?", name[:100]), "Is not known here.")
        for name in found
        if name not in required and name not in optional
    ]
    for name, check in {**required, **optional}.items():
        if found.get(name) is not None and (detail := check(found[name])):
            wrong.append(Field(name, detail))
    if wrong:
        raise Invalid("; ".join(f"{f.field}: {f.detail}" for f in wrong[:3]), fields=tuple(wrong))
    return found

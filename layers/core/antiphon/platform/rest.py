"""A light HTTP function: Powertools' resolver with our request ids, problem+json and one line of log per request. The twin of ``web.py`` without FastAPI."""

from __future__ import annotations

import json
import time
from itertools import islice
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from aws_lambda_powertools.event_handler.api_gateway import BaseRouter
from aws_lambda_powertools.event_handler.exceptions import NotFoundError

from antiphon.platform.access import methods_of
from antiphon.platform.errors import AntiphonError, Field, Invalid, NotAllowed, NotFound, TooLarge
from antiphon.platform.fields import Spec
from antiphon.platform.gate import SECURITY_HEADERS, Ended, Gate, Pass, public
from antiphon.platform.problem import CONTENT_TYPE, headers, internal, problem
from antiphon.platform.request import request_id_of
from antiphon.platform.strict_json import parse, require_json
from antiphon.platform.throttled import unavailable

if TYPE_CHECKING:
    from aws_lambda_powertools import Logger

MAX_WRONG = 20
"""Wrong fields that one answer names."""
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
        # The gateway sends here what no route of any function has, so the table of all routes is asked too.
        path = app.context["_path"]
        allowed = _methods(app, path) or methods_of(path)
        if not allowed:
            return on_error(NotFound("There is no such route."))
        refused = on_error(NotAllowed())
        refused.headers["Allow"] = ", ".join(allowed)
        return refused

    return app


def _failed(error: AntiphonError, request_id: str) -> dict[str, Any]:
    return {
        "statusCode": error.status,
        "body": json.dumps(problem(error, request_id), ensure_ascii=False),
        "isBase64Encoded": False,
        "multiValueHeaders": {"Content-Type": [CONTENT_TYPE]} | {k: [v] for k, v in headers(error).items()},
    }


def _methods(app: APIGatewayRestResolver, path: str) -> list[str]:
    """Those that the route knows; Powertools itself looks for the pair of both only."""
    return sorted({route.method for route in app._static_routes + app._dynamic_routes if route.rule.match(path)})


def answer(
    app: APIGatewayRestResolver, event: dict[str, Any], context: Any, logger: Logger, gate: Gate | None = None
) -> dict[str, Any]:
    """The answer of the function to API Gateway's event, and one line of log, with what a route has put into ``app.context["noted"]``.

    gate: None for a function whose routes are all public.
    """
    started = time.perf_counter()
    request_id = request_id_of(event.get("headers") or {})
    noted: dict[str, Any] = {}
    app.append_context(request_id=request_id, noted=noted)
    logger.append_keys(request_id=request_id)
    failure: Exception | None = None
    let_in: Pass | None = None
    try:
        let_in = gate.enter(event, request_id) if gate else public(event)
        found = app.resolve(event, context)
    except AntiphonError as error:
        found = _failed(error, request_id)
    except Exception as defect:  # noqa: BLE001 - the one line of log below holds it
        failure, found = defect, _failed(unavailable(defect) or internal(), request_id)
    ms = (time.perf_counter() - started) * 1000
    if gate and let_in:
        gate.leave(let_in, event, Ended.of(found["statusCode"], found.get("body") or ""), request_id, round(ms), logger)
    sent = found.setdefault("multiValueHeaders", {})
    sent["X-Request-Id"] = [request_id]
    for name, value in {**SECURITY_HEADERS, **(let_in.headers if let_in else {})}.items():
        sent.setdefault(name, [value])
    log = logger.error if failure else logger.info
    log(
        "request",
        exc_info=failure,
        method=event.get("httpMethod"),
        route=event.get("resource"),
        status=found["statusCode"],
        user_id=let_in.caller.user_id if let_in and let_in.caller else None,
        ms=round(ms, 1),
        **noted,
    )
    return found


def raw_body(app: BaseRouter) -> str | None:
    """The body as text. Raises Invalid where it is none, Unsupported where it is declared as something else than JSON."""
    if app.current_event.body:
        require_json(app.current_event.headers.get("content-type"))
    try:
        return app.current_event.decoded_body
    except ValueError as error:
        raise Invalid("The body must be a JSON object.", fields=(Field("", "Send JSON in UTF-8."),)) from error


def body_of(raw: str | None, shape: Spec) -> dict[str, Any]:
    """The JSON object of a request. shape: a record of `fields`. Raises Invalid, TooLarge."""
    if raw and len(raw.encode("utf-8", "surrogatepass")) > MAX_BODY:
        raise TooLarge(f"The body may have {MAX_BODY} bytes.")
    found = parse(raw or "")
    wrong = tuple(islice(shape("", found), MAX_WRONG))
    if wrong:
        raise Invalid("; ".join(f"{f.field}: {f.detail}".removeprefix(": ") for f in wrong[:3]), fields=wrong)
    return found

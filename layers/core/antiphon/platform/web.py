"""A FastAPI app as all our functions have it: request ids, problem+json, idempotency, one line of log per request."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.routing import Match

from antiphon.platform import openai_errors
from antiphon.platform.errors import AntiphonError, Field, Invalid, NotAllowed, NotFound
from antiphon.platform.frame import SEED, Frame
from antiphon.platform.gate import Gate
from antiphon.platform.idempotency import Idempotency
from antiphon.platform.problem import CONTENT_TYPE, headers, problem
from antiphon.platform.request import Caller, caller_of

if TYPE_CHECKING:
    from aws_lambda_powertools import Logger

_METHODS = ("DELETE", "GET", "PATCH", "POST", "PUT")


def caller(request: Request) -> Caller:
    return caller_of(request.scope["aws.event"])


def seed_of(request: Request) -> str | None:
    """What a new id of this request is made from, so that a repeat makes the same one; None without an Idempotency-Key."""
    return request.scope.get(SEED)


def make_app(
    title: str,
    *,
    logger: Logger,
    idempotency: Idempotency,
    gate: Gate,
    version: str,
    secret_answers: Collection[str] = (),
    forms: Collection[str] = (),
) -> FastAPI:
    """secret_answers: paths (``*`` for an id) whose POST answers with a secret. Such an answer is never stored: a repeat comes to the route again, with the
    same seed. forms: paths whose POST takes a form, which the route reads itself."""
    app = FastAPI(
        title=title,
        version=version,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        strict_content_type=False,
    )

    def failed(request: Request, error: AntiphonError) -> Response:
        if openai_errors.speaks(request.url.path):
            shown = json.dumps(openai_errors.error_object(error), ensure_ascii=False)
            kept = {name: value for name, value in headers(error).items() if name != "Content-Type"}
            return Response(shown, openai_errors.status_of(error), kept, "application/json")
        body = json.dumps(problem(error, request.state.request_id), ensure_ascii=False)
        return Response(body, error.status, headers(error), CONTENT_TYPE)

    @app.exception_handler(AntiphonError)
    def on_error(request: Request, error: AntiphonError) -> Response:
        return failed(request, error)

    @app.exception_handler(RequestValidationError)
    def on_invalid(request: Request, error: RequestValidationError) -> Response:
        if openai_errors.speaks(request.url.path):
            return failed(request, openai_errors.invalid(error.errors()))
        fields = tuple(Field(_path(e["loc"]), e["msg"].removeprefix("Value error, ")) for e in error.errors()[:20])
        return failed(
            request,
            Invalid("; ".join(f"{f.field}: {f.detail}" if f.field else f.detail for f in fields[:3]), fields=fields),
        )

    @app.exception_handler(HTTPException)
    def on_http(request: Request, error: HTTPException) -> Response:
        if error.status_code == 404:
            return failed(request, NotFound("There is no such route."))
        if error.status_code == 405:
            answer = failed(request, NotAllowed())
            answer.headers["Allow"] = ", ".join(_methods(app, request))
            return answer
        known = AntiphonError(str(error.detail), code="http_error")
        known.status = error.status_code
        answer = failed(request, known)
        answer.headers.update(error.headers or {})
        return answer

    app.add_middleware(
        Frame,  # type: ignore[arg-type]
        logger=logger,
        idempotency=idempotency,
        gate=gate,
        failed=failed,
        secret_answers=secret_answers,
        forms=forms,
    )
    return app


def about(request: Request, thing_id: str) -> None:
    """Says what the answer is about: one that is long, or leaves piece by piece, is then not read for the log."""
    request.state.about = thing_id


def _methods(app: FastAPI, request: Request) -> list[str]:
    """Those that any route of this path knows; Starlette names those of the first such route."""
    return [
        method
        for method in _METHODS
        if any(route.matches({**request.scope, "method": method})[0] is Match.FULL for route in app.routes)
    ]


def _path(location: tuple[Any, ...]) -> str:
    parts = [str(p) for p in location if p not in ("body", "query", "path", "header")]
    return ".".join(parts)

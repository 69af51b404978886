"""A FastAPI app as all our functions have it: request ids, problem+json, idempotency, one line of log per request."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import StreamingResponse
from starlette.routing import Match

from antiphon.platform import openai_errors
from antiphon.platform.errors import AntiphonError, Field, Invalid, NotAllowed, NotFound, TooLarge
from antiphon.platform.gate import SECURITY_HEADERS, Ended, Gate, Pass
from antiphon.platform.idempotency import Answer, Idempotency, Record
from antiphon.platform.problem import CONTENT_TYPE, headers, internal, problem
from antiphon.platform.request import Caller, caller_of, request_id_of
from antiphon.platform.sse import MEDIA_TYPE
from antiphon.platform.strict_json import parse, require_json
from antiphon.platform.throttled import unavailable

if TYPE_CHECKING:
    from aws_lambda_powertools import Logger

MAX_BODY = 6 * 1024**2
"""Bytes of a request. Lambda takes no more than that in one event."""
MAX_FORM = 4_500_000
"""Bytes of a form that holds a file: in the event it is base64, and beside it are headers and context."""
_METHODS = ("DELETE", "GET", "PATCH", "POST", "PUT")
_KEPT = frozenset({"content-type", "location", "retry-after"})


def caller(request: Request) -> Caller:
    return caller_of(request.scope["aws.event"])


def seed_of(request: Request) -> str | None:
    """What a new id of this request is made from, so that a repeat makes the same one; None without an Idempotency-Key."""
    return request.scope.get("antiphon.seed")


def wants_stream(request: Request) -> bool:
    """Whether the answer is to come as server-sent events."""
    accepted = request.headers.get("accept", "")
    return MEDIA_TYPE in accepted or request.url.path.endswith("/stream")


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

    @app.middleware("http")
    async def frame(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        started = time.perf_counter()
        request.state.request_id = request_id = request_id_of(request.headers)
        logger.append_keys(request_id=request_id)
        event = request.scope.get("aws.event") or {}
        let_in: Pass | None = None
        try:
            let_in = await run_in_threadpool(gate.enter, event, request_id)
            if request.url.path in forms:
                _check_length(request)
            else:
                await _check_body(request)
            response = await _once(request, call_next, idempotency, secret=_matches(request, secret_answers))
        except AntiphonError as error:
            response = failed(request, error)
        except Exception as defect:
            logger.exception("request failed")
            response = failed(request, unavailable(defect) or internal())
        ms = (time.perf_counter() - started) * 1000
        if let_in and let_in.access.action:
            response, ended = await _ended(request, response)
            await run_in_threadpool(gate.leave, let_in, event, ended, request_id, round(ms), logger)
        response.headers["X-Request-Id"] = request_id
        for name, value in {**SECURITY_HEADERS, **(let_in.headers if let_in else {})}.items():
            response.headers.setdefault(name, value)
        logger.info(
            "request",
            method=request.method,
            route=getattr(request.scope.get("route"), "path", "-"),
            status=response.status_code,
            user_id=let_in.caller.user_id if let_in and let_in.caller else None,
            ms=round(ms, 1),
        )
        return response

    return app


def about(request: Request, thing_id: str) -> None:
    """Says what the answer is about: one that is long, or leaves piece by piece, is then not read for the log."""
    request.state.about = thing_id


async def _ended(request: Request, response: Response) -> tuple[Response, Ended]:
    """The same answer, and what it says: answers to changes are small. Of a stream it is known that it began."""
    if known := getattr(request.state, "about", ""):
        return response, Ended(str(response.status_code), known)
    if response.headers.get("content-type", "").startswith(MEDIA_TYPE):
        return response, Ended(str(response.status_code), "")
    if isinstance(response, StreamingResponse) or not hasattr(response, "body"):
        content = b"".join([part async for part in response.body_iterator])  # type: ignore[attr-defined]
        response = Response(content, response.status_code, dict(response.headers))
    replayed = "Idempotent-Replayed" in response.headers
    return response, Ended.of(response.status_code, bytes(response.body).decode(), replayed=replayed)


def _matches(request: Request, paths: Collection[str]) -> bool:
    return any(fnmatchcase(request.url.path, path) for path in paths)


def _methods(app: FastAPI, request: Request) -> list[str]:
    """Those that any route of this path knows; Starlette names those of the first such route."""
    return [
        method
        for method in _METHODS
        if any(route.matches({**request.scope, "method": method})[0] is Match.FULL for route in app.routes)
    ]


async def _check_body(request: Request) -> None:
    """All bodies here are JSON. FastAPI reads them once more, and less strictly. Raises TooLarge, Unsupported, Invalid."""
    if request.method not in ("POST", "PUT", "PATCH"):
        return
    body = await request.body()
    if len(body) > MAX_BODY:
        raise TooLarge(f"The body may have {MAX_BODY} bytes.")
    if body:
        require_json(request.headers.get("content-type"))
        parse(body)


def _check_length(request: Request) -> None:
    """Before anything of it is read. Raises TooLarge."""
    length = request.headers.get("content-length", "0")
    if request.method == "POST" and length.isdecimal() and int(length) > MAX_FORM:
        raise too_large_for_a_form()


def too_large_for_a_form() -> TooLarge:
    return TooLarge(
        f"Maximum content size limit ({MAX_FORM}) exceeded. Upload larger files with POST /v1/uploads, and send the media_id that it gives in place of file.",
        code="upload_too_large",
    )


def _path(location: tuple[Any, ...]) -> str:
    parts = [str(p) for p in location if p not in ("body", "query", "path", "header")]
    return ".".join(parts)


async def _once(
    request: Request,
    call_next: Callable[[Request], Awaitable[Response]],
    idempotency: Idempotency,
    *,
    secret: bool,
) -> Response:
    key = request.headers.get("idempotency-key")
    stores_nothing = (
        request.url.path in openai_errors.PATHS
        or request.url.path.endswith("/export")
        or request.query_params.get("dry_run", "false") not in ("false", "0")
    )
    if request.method != "POST" or key is None or stores_nothing:
        return await call_next(request)
    body = await request.body()
    record = await run_in_threadpool(
        lambda: idempotency.begin(
            user=caller(request).user_id, method="POST", path=request.url.path, key=key, body=body
        )
    )
    if wants_stream(request):
        return await _stream_once(request, call_next, idempotency, record)
    if record.answer and secret:
        request.scope["antiphon.seed"] = record.seed
        return await call_next(request)
    if record.answer:
        replayed = Response(record.answer.body, record.answer.status, dict(record.answer.headers))
        replayed.headers["Idempotent-Replayed"] = "true"
        return replayed
    request.scope["antiphon.seed"] = record.seed
    try:
        response = await call_next(request)
        content = b"".join([part async for part in response.body_iterator])  # type: ignore[attr-defined]
    except BaseException:
        await run_in_threadpool(idempotency.release, record)
        raise
    kept = tuple((k, v) for k, v in response.headers.items() if k in _KEPT)
    if response.status_code >= 500 or response.status_code == 429:
        await run_in_threadpool(idempotency.release, record)
    else:
        await run_in_threadpool(
            idempotency.finish, record, Answer(response.status_code, kept, "" if secret else content.decode())
        )
    return Response(content, response.status_code, dict(kept))


async def _stream_once(
    request: Request, call_next: Callable[[Request], Awaitable[Response]], idempotency: Idempotency, record: Record
) -> Response:
    """The route finds by its seed what an earlier request has stored, and streams that again; what is kept here is only that it is over."""
    request.scope["antiphon.seed"] = record.seed
    try:
        response = await call_next(request)
    except BaseException:
        await run_in_threadpool(idempotency.release, record)
        raise
    if record.answer:
        return response
    if not response.headers.get("content-type", "").startswith(MEDIA_TYPE):
        await run_in_threadpool(idempotency.release, record)
        return response
    pieces = response.body_iterator  # type: ignore[attr-defined]

    async def until_the_end() -> AsyncIterator[bytes]:
        try:
            async for piece in pieces:
                yield piece
        finally:
            # However it ended, the reply that there is will be the answer to a repeat.
            idempotency.finish(record, Answer(200, (), ""))

    response.body_iterator = until_the_end()  # type: ignore[attr-defined]
    return response

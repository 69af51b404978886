"""A FastAPI app as all our functions have it: request ids, problem+json, idempotency, one line of log per request."""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import StreamingResponse

from antiphon.platform import strict_json
from antiphon.platform.errors import AntiphonError, Field, Invalid, NotFound
from antiphon.platform.gate import SECURITY_HEADERS, Ended, Gate, Pass
from antiphon.platform.idempotency import Answer, Idempotency
from antiphon.platform.problem import CONTENT_TYPE, headers, internal, problem
from antiphon.platform.request import Caller, caller_of, request_id_of

if TYPE_CHECKING:
    from aws_lambda_powertools import Logger

_STATUS = {
    404: ("not_found", "There is no such route"),
    405: ("method_not_allowed", "This route does not know the method"),
}
_KEPT = frozenset({"content-type", "location", "retry-after"})


def caller(request: Request) -> Caller:
    return caller_of(request.scope["aws.event"])


def seed_of(request: Request) -> str | None:
    """What a new id of this request is made from, so that a repeat makes the same one; None without an Idempotency-Key."""
    return request.scope.get("antiphon.seed")


class _StrictRequest(Request):
    async def json(self) -> Any:
        if not hasattr(self, "_json"):
            try:
                self._json = strict_json.loads(await self.body())
            except Invalid as error:
                raise json.JSONDecodeError(error.detail, "", 0) from error  # what FastAPI makes a 422 of
        return self._json


class StrictRoute(APIRoute):
    """Reads JSON strictly (`strict_json`)."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        inner = super().get_route_handler()

        async def handler(request: Request) -> Response:
            return await inner(_StrictRequest(request.scope, request.receive))

        return handler


def make_router(tag: str, prefix: str = "") -> APIRouter:
    return APIRouter(prefix=prefix, tags=[tag], route_class=StrictRoute)


def make_app(title: str, *, logger: Logger, idempotency: Idempotency, gate: Gate, version: str) -> FastAPI:
    app = FastAPI(title=title, version=version, openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)

    def failed(request: Request, error: AntiphonError) -> Response:
        body = json.dumps(problem(error, request.state.request_id), ensure_ascii=False)
        return Response(body, error.status, headers(error), CONTENT_TYPE)

    @app.exception_handler(AntiphonError)
    def on_error(request: Request, error: AntiphonError) -> Response:
        return failed(request, error)

    @app.exception_handler(RequestValidationError)
    def on_invalid(request: Request, error: RequestValidationError) -> Response:
        fields = tuple(Field(_path(e["loc"]), e["msg"].removeprefix("Value error, ")) for e in error.errors()[:20])
        return failed(
            request,
            Invalid("; ".join(f"{f.field}: {f.detail}" if f.field else f.detail for f in fields[:3]), fields=fields),
        )

    @app.exception_handler(HTTPException)
    def on_http(request: Request, error: HTTPException) -> Response:
        code, detail = _STATUS.get(error.status_code, ("http_error", str(error.detail)))
        known = NotFound(detail) if error.status_code == 404 else AntiphonError(detail, code=code)
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
            response = await _once(request, call_next, idempotency)
        except AntiphonError as error:
            response = failed(request, error)
        except Exception:
            logger.exception("request failed")
            response = failed(request, internal())
        ms = (time.perf_counter() - started) * 1000
        if let_in and let_in.access.action:
            response, ended = await _ended(response)
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


async def _ended(response: Response) -> tuple[Response, Ended]:
    """The same answer, and what it says: answers to changes are small."""
    if isinstance(response, StreamingResponse) or not hasattr(response, "body"):
        content = b"".join([part async for part in response.body_iterator])  # type: ignore[attr-defined]
        response = Response(content, response.status_code, dict(response.headers))
    return response, Ended.of(response.status_code, bytes(response.body).decode())


def _path(location: tuple[Any, ...]) -> str:
    parts = [str(p) for p in location if p not in ("body", "query", "path", "header")]
    return ".".join(parts)


async def _once(
    request: Request, call_next: Callable[[Request], Awaitable[Response]], idempotency: Idempotency
) -> Response:
    key = request.headers.get("idempotency-key")
    if request.method != "POST" or key is None:
        return await call_next(request)
    body = await request.body()
    record = await run_in_threadpool(
        lambda: idempotency.begin(
            user=caller(request).user_id, method="POST", path=request.url.path, key=key, body=body
        )
    )
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
        await run_in_threadpool(idempotency.finish, record, Answer(response.status_code, kept, content.decode()))
    return Response(content, response.status_code, dict(kept))

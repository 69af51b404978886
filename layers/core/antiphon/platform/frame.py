"""What stands around every route of a FastAPI app: request id, gate, body, idempotency, audit, the headers of the answer and one line of log.

Plain ASGI, because an answer that comes piece by piece goes through here piece by piece: Starlette's middleware for functions of requests and responses hands each piece
from one task to another, which costs more than all else that is done with it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from fastapi import Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from antiphon.platform import openai_errors
from antiphon.platform.bodies import check_body, check_length
from antiphon.platform.errors import AntiphonError
from antiphon.platform.gate import SECURITY_HEADERS, Ended, Gate, Pass
from antiphon.platform.idempotency import Answer, Idempotency, Record
from antiphon.platform.problem import internal
from antiphon.platform.request import caller_of, request_id_of
from antiphon.platform.sse import MEDIA_TYPE, wants_stream
from antiphon.platform.throttled import unavailable

if TYPE_CHECKING:
    from aws_lambda_powertools import Logger

SEED = "antiphon.seed"
"""In the scope: what new ids of this request are made from."""
_KEPT = frozenset({"content-type", "location", "retry-after"})


class Frame:
    """failed: the answer to an error; secret_answers, forms: see `make_app`."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        logger: Logger,
        idempotency: Idempotency,
        gate: Gate,
        failed: Callable[[Request, AntiphonError], Response],
        secret_answers: Collection[str],
        forms: Collection[str],
    ) -> None:
        self.app = app
        self.logger = logger
        self.idempotency = idempotency
        self.gate = gate
        self.failed = failed
        self.secret_answers = secret_answers
        self.forms = forms

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await _Exchange(self, Request(scope, receive), send).run()
        else:
            await self.app(scope, receive, send)


class _Exchange:
    """One request and its answer. Answers that have to be read here, to be stored or noted, are held until they are whole; all others leave as they come."""

    def __init__(self, frame: Frame, request: Request, send: Send) -> None:
        self._frame = frame
        self._request = request
        self._send = send
        self._started = time.perf_counter()
        self._request_id = request.state.request_id = request_id_of(request.headers)
        self._event = request.scope.get("aws.event") or {}
        self._let_in: Pass | None = None
        self._read: bytes | None = None
        """The request's body, until the route has got it."""
        self._stored = False
        self._streams: Record | None = None
        """Of an Idempotency-Key whose answer comes piece by piece, until that is over."""
        self._head: Message = {}
        self._parts: list[bytes] = []
        self._left = False

    async def run(self) -> None:
        frame, request = self._frame, self._request
        frame.logger.append_keys(request_id=self._request_id)
        try:
            self._let_in = await run_in_threadpool(frame.gate.enter, self._event, self._request_id)
            if request.url.path in frame.forms:
                check_length(request)
            else:
                self._read = await check_body(request)
            response = await self._once()
        except AntiphonError as error:
            response = frame.failed(request, error)
        except Exception as defect:
            frame.logger.exception("request failed")
            if self._left:
                raise  # whoever serves this breaks the connection off, so that nobody takes what there is for the whole
            response = frame.failed(request, unavailable(defect) or internal())
        if response is not None:
            await self._answer(response)

    async def _once(self) -> Response | None:
        """None where the answer has left."""
        request, idempotency = self._request, self._frame.idempotency
        key = request.headers.get("idempotency-key")
        stores_nothing = (
            request.url.path in openai_errors.PATHS
            or request.url.path.endswith("/export")
            or request.query_params.get("dry_run", "false") not in ("false", "0")
        )
        if request.method != "POST" or key is None or stores_nothing:
            return await self._ask()
        self._read = body = await request.body()
        user, path = caller_of(self._event).user_id, request.url.path
        record = await run_in_threadpool(
            lambda: idempotency.begin(user=user, method="POST", path=path, key=key, body=body)
        )
        if wants_stream(request):
            return await self._stream_once(record)
        secret = any(fnmatchcase(path, pattern) for pattern in self._frame.secret_answers)
        if record.answer and not secret:
            replayed = Response(record.answer.body, record.answer.status, dict(record.answer.headers))
            replayed.headers["Idempotent-Replayed"] = "true"
            return replayed
        request.scope[SEED] = record.seed
        if record.answer:
            return await self._ask()
        self._stored = True
        try:
            response = await self._ask()
            assert response is not None
        except BaseException:
            await run_in_threadpool(idempotency.release, record)
            raise
        content, kept = bytes(response.body), {k: v for k, v in response.headers.items() if k in _KEPT}
        if response.status_code >= 500 or response.status_code == 429:
            await run_in_threadpool(idempotency.release, record)
        else:
            stored = Answer(response.status_code, tuple(kept.items()), "" if secret else content.decode())
            await run_in_threadpool(idempotency.finish, record, stored)
        return Response(content, response.status_code, kept)

    async def _stream_once(self, record: Record) -> Response | None:
        """The route finds by its seed what an earlier request has stored, and streams that again; what is kept here is only that it is over."""
        self._request.scope[SEED] = record.seed
        if record.answer:
            return await self._ask()
        self._stored, self._streams = True, record
        try:
            return await self._ask()
        finally:
            if self._left:
                self._over()
            else:
                await run_in_threadpool(self._frame.idempotency.release, record)

    def _over(self) -> None:
        """However a stream ended, the reply that there is will be the answer to a repeat."""
        if self._streams:
            self._frame.idempotency.finish(self._streams, Answer(200, (), ""))
            self._streams = None

    async def _ask(self) -> Response | None:
        """The route's answer, where it is to be read here."""
        await self._frame.app(self._request.scope, self._receive, self._take)
        if self._left:
            return None
        response = Response(b"".join(self._parts), self._head["status"])
        response.raw_headers = list(self._head["headers"])
        return response

    async def _receive(self) -> Message:
        if self._read is None:
            return await self._request.receive()
        body, self._read = self._read, None
        return {"type": "http.request", "body": body, "more_body": False}

    async def _take(self, message: Message) -> None:
        """What the route sends."""
        if message["type"] == "http.response.start":
            self._head = message
            if self._may_leave(Headers(raw=message["headers"]).get("content-type", "").startswith(MEDIA_TYPE)):
                await self._leave(message)
        elif self._left:
            if not message.get("more_body"):
                self._over()  # before the end: a function may be frozen behind it
            await self._send(message)
        else:
            self._parts.append(message.get("body", b""))

    def _may_leave(self, is_stream: bool) -> bool:
        if self._stored:
            return is_stream and self._streams is not None
        return is_stream or bool(self._about) or not self._is_noted

    @property
    def _about(self) -> str:
        """What the route said that its answer is about."""
        return getattr(self._request.state, "about", "")

    @property
    def _is_noted(self) -> bool:
        return self._let_in is not None and self._let_in.access.action is not None

    async def _leave(self, head: Message) -> None:
        """Of a stream it is known that it began."""
        headers = MutableHeaders(raw=list(head["headers"]))
        await self._ends(head["status"], headers, Ended(str(head["status"]), self._about))
        self._left = True
        await self._send({**head, "headers": headers.raw})

    async def _answer(self, response: Response) -> None:
        """Answers to changes are small, and say what they are about."""
        status, replayed = response.status_code, "Idempotent-Replayed" in response.headers
        about = self._about
        ended = (
            Ended(str(status), about) if about else Ended.of(status, bytes(response.body).decode(), replayed=replayed)
        )
        await self._ends(status, response.headers, ended)
        await response(self._request.scope, self._request.receive, self._send)

    async def _ends(self, status: int, headers: MutableHeaders, ended: Ended) -> None:
        let_in, ms = self._let_in, (time.perf_counter() - self._started) * 1000
        if let_in and self._is_noted:
            frame = self._frame
            await run_in_threadpool(
                frame.gate.leave, let_in, self._event, ended, self._request_id, round(ms), frame.logger
            )
        headers["X-Request-Id"] = self._request_id
        for name, value in {**SECURITY_HEADERS, **(let_in.headers if let_in else {})}.items():
            headers.setdefault(name, value)
        self._frame.logger.info(
            "request",
            method=self._request.method,
            route=getattr(self._request.scope.get("route"), "path", "-"),
            status=status,
            user_id=let_in.caller.user_id if let_in and let_in.caller else None,
            ms=round(ms, 1),
        )

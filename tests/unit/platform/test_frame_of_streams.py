"""Answers that come piece by piece, on their way through the frame."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from io import StringIO

import pytest
from aws_lambda_powertools import Logger
from fastapi import FastAPI, Request
from starlette.types import Message

from antiphon.platform.access import Access, Who
from antiphon.platform.audit_memory import MemoryAuditLog
from antiphon.platform.errors import NotFound
from antiphon.platform.idempotency import Idempotency, Record
from antiphon.platform.sse import EventStream
from antiphon.platform.web import make_app, seed_of
from tests.unit.conftest import HeldClock
from tests.unit.platform.gates import make_gate

PATH = "/v1/things/stream"
PIECES = [b"event: a\n\n", b"event: b\n\n"]


class Rows:
    """A store of one key; ``log``: what became of it."""

    def __init__(self, log: list[str]) -> None:
        self._log = log
        self._row: Record | None = None

    def claim(self, record: Record, now: datetime) -> Record | None:
        self._log.append("claimed")
        live, self._row = self._row, self._row or record
        return live

    def get(self, user: str, record_id: str) -> Record | None:
        return self._row

    def finish(self, record: Record) -> None:
        self._log.append("over")
        self._row = record

    def release(self, record: Record) -> None:
        self._log.append("released")
        self._row = None


@pytest.fixture
def log() -> list[str]:
    """What happened, in order."""
    return []


@pytest.fixture
def lines() -> StringIO:
    return StringIO()


@pytest.fixture
def audit() -> MemoryAuditLog:
    return MemoryAuditLog()


@pytest.fixture
def make(
    clock: HeldClock, log: list[str], lines: StringIO, audit: MemoryAuditLog, request: pytest.FixtureRequest
) -> Callable[..., FastAPI]:
    def made(events: Callable[[], AsyncIterator[bytes]]) -> FastAPI:
        logger = Logger(service=request.node.nodeid, stream=lines)
        routes = {f"POST {PATH}": Access(Who.CALLER, "things:write", "thing.create", creates=True)}
        gate = make_gate(routes, clock=clock, audit=audit)
        app = make_app("Test", logger=logger, idempotency=Idempotency(Rows(log), clock), gate=gate, version="1")

        @app.post(PATH, response_model=None)
        async def stream(request: Request) -> EventStream:
            log.append(f"asked with {(await request.body()).decode()}, seed {seed_of(request)}")
            return EventStream(events())

        return app

    return made


async def two() -> AsyncIterator[bytes]:
    for piece in PIECES:
        yield piece


async def broken() -> AsyncIterator[bytes]:
    yield PIECES[0]
    raise ZeroDivisionError("half-way")


def ask(app: FastAPI, log: list[str], key: str | None = None) -> list[Message]:
    """The messages that the server got; each is in ``log`` too."""
    headers = {"content-type": "application/json"} | ({"idempotency-key": key} if key else {})
    event = {
        "httpMethod": "POST",
        "resource": PATH,
        "requestContext": {"authorizer": {"user_id": "usr_1", "tier": "free", "role": "user", "scopes": ""}},
    }
    scope = {
        "type": "http",
        "method": "POST",
        "path": PATH,
        "raw_path": PATH.encode(),
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "aws.event": event,
    }
    got: list[Message] = []
    asked = iter([{"type": "http.request", "body": b'{"n": 1}', "more_body": False}])

    async def receive() -> Message:
        if (message := next(asked, None)) is not None:
            return message
        return await asyncio.Future()  # the client stays

    async def send(message: Message) -> None:
        got.append(message)
        log.append(message["type"] + ("" if message.get("more_body", True) else " end"))

    asyncio.run(app(scope, receive, send))
    return got


def body(got: list[Message]) -> list[bytes]:
    return [message["body"] for message in got if message["type"] == "http.response.body" and message["body"]]


def test_pieces_leave_as_they_come_with_the_headers_of_every_answer(
    make: Callable[..., FastAPI], log: list[str], audit: MemoryAuditLog
) -> None:
    got = ask(make(two), log)
    assert body(got) == PIECES
    headers = dict(got[0]["headers"])
    assert headers[b"content-type"].startswith(b"text/event-stream")
    assert headers[b"x-request-id"].startswith(b"req_")
    assert headers[b"x-content-type-options"] == b"nosniff"
    assert log[0] == 'asked with {"n": 1}, seed None'
    assert [entry.outcome for entry in audit.entries.values()] == ["200"]


def test_a_stream_with_a_key_is_over_before_its_last_message(make: Callable[..., FastAPI], log: list[str]) -> None:
    """A function may be frozen as soon as its answer has ended."""
    assert body(ask(make(two), log, key="k")) == PIECES
    assert log[-2:] == ["over", "http.response.body end"]
    assert log.count("over") == 1


def test_a_repeat_asks_the_route_again_with_the_same_seed(make: Callable[..., FastAPI], log: list[str]) -> None:
    app = make(two)
    for _ in range(2):
        assert body(ask(app, log, key="k")) == PIECES
    first, second = [said for said in log if said.startswith("asked")]
    assert first == second
    assert "None" not in first
    assert (log.count("over"), log.count("released")) == (1, 0)


def test_a_stream_that_breaks_off_is_logged_and_not_ended(
    make: Callable[..., FastAPI], log: list[str], lines: StringIO
) -> None:
    with pytest.raises(ZeroDivisionError):
        ask(make(broken), log, key="k")
    assert "http.response.body end" not in log
    assert (log.count("over"), log.count("released")) == (1, 0)
    (said,) = [line for line in map(json.loads, lines.getvalue().splitlines()) if line["level"] == "ERROR"]
    assert "half-way" in said["exception"]
    assert said["request_id"].startswith("req_")


def test_what_fails_before_the_first_piece_has_a_status_and_may_be_asked_again(
    make: Callable[..., FastAPI], log: list[str], audit: MemoryAuditLog
) -> None:
    def none() -> AsyncIterator[bytes]:
        raise NotFound("There is no such thing.")

    got = ask(make(none), log, key="k")
    assert got[0]["status"] == 404
    assert json.loads(b"".join(body(got)))["code"] == "not_found"
    assert (log.count("over"), log.count("released")) == (0, 1)
    assert [entry.outcome for entry in audit.entries.values()] == ["not_found"]

"""A-65: how long the routes that ask a model may take, and how soon what it says is on its way."""

from __future__ import annotations

import asyncio
import inspect
import io
import json
import sys
from collections.abc import Awaitable, Callable, Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from aws_lambda_powertools import Logger
from fastapi import FastAPI
from starlette.types import Message

from antiphon.conversations.answer import Follow
from antiphon.conversations.complete import Complete
from antiphon.conversations.memory import MemoryBudget, NoPassages
from antiphon.devices import command
from antiphon.engines.chat import Delta
from antiphon.engines.chat_guarded import Breaker, Guarded
from antiphon.engines.chat_models import ChatModels
from antiphon.platform.idempotency import Idempotency
from antiphon.platform.web import make_app
from antiphon.speech import listen
from tests.integration.webhooks.functions import loaded
from tests.unit.chat.test_answer import DONE, Office, Piece
from tests.unit.conftest import HeldClock
from tests.unit.platform.gates import make_gate
from tests.unit.platform.test_web_frame import Nowhere

LONGEST, BEFORE_AND_AFTER = 29.0, 4.0
"""Seconds: what the gateway gives an answer that does not stream, and of them what is left for all but waiting."""
SOON = 0.05
"""Seconds, in place of a limit of 25."""
EVENTS = "text/event-stream"
ASKED = {"model": "m", "messages": [{"role": "user", "content": "Hello?"}]}


class Desk:
    """The app of the function `messages` over fakes, its model, and a reader who notes what comes as it comes."""

    def __init__(self, clock: HeldClock, build: Callable[[Any], FastAPI], name: str, *script: Piece) -> None:
        self.office = Office(clock, *script)
        models = ChatModels([self.office.model])
        self.complete = Complete(models=models, budget=MemoryBudget(), passages=NoPassages(), clock=clock)
        wiring = SimpleNamespace(
            logger=Logger(service=name, stream=io.StringIO()),
            gate=make_gate(),
            idempotency=Idempotency(Nowhere(), clock),
            answer=self.office.answer,
            follow=Follow(self.office.store, clock),
            conversations=self.office.conversations,
            complete=self.complete,
            models=models,
            audio_models=(),
            jobs=None,
            watch=None,
        )
        self.app = build(wiring)
        self.status, self.body, self._came = 0, "", asyncio.Event()

    async def seen(self, text: str) -> None:
        """Until the reader has it."""
        while text not in self.body:
            self._came.clear()
            await self._came.wait()

    def post(self, path: str, body: Any, accept: str = "application/json") -> None:
        asyncio.run(asyncio.wait_for(post(self.app, path, body, self._take, accept), 10))

    async def _take(self, message: Message) -> None:
        self.status = message.get("status", self.status)
        self.body += message.get("body", b"").decode()
        self._came.set()

    @property
    def code(self) -> str:
        found = json.loads(self.body)
        return found["code"] if "code" in found else found["error"]["code"]


async def post(
    app: FastAPI, path: str, body: Any, send: Callable[[Message], Awaitable[None]], accept: str = "application/json"
) -> None:
    authorizer = {"user_id": "usr_1", "tier": "free", "role": "user", "scopes": ""}
    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(b"content-type", b"application/json"), (b"accept", accept.encode())],
        "aws.event": {"httpMethod": "POST", "resource": path, "requestContext": {"authorizer": authorizer}},
    }
    asked = iter([{"type": "http.request", "body": json.dumps(body).encode(), "more_body": False}])

    async def receive() -> Message:
        if (message := next(asked, None)) is not None:
            return message
        return await asyncio.Future()  # the client stays

    await app(scope, receive, send)


@pytest.fixture
def messages() -> Iterator[ModuleType]:
    with loaded("messages") as handler:
        yield handler


@pytest.fixture
def make(messages: ModuleType, clock: HeldClock, request: pytest.FixtureRequest) -> Callable[..., Desk]:
    return lambda *script: Desk(clock, messages.build, request.node.nodeid, *script)


async def forever() -> None:
    await asyncio.Future()


@pytest.mark.parametrize("route", ["messages", "messages/stream"])
def test_an_answer_begins_before_its_model_and_each_piece_leaves_before_the_next_is_made(
    make: Callable[..., Desk], route: str
) -> None:
    """A-65: the model of this test waits for its reader, and would wait for ever for what is held back."""
    desk = make()
    desk.office.model.script[:] = [
        lambda: desk.seen("event: message"),
        Delta("Good "),
        lambda: desk.seen("Good "),
        Delta("morning."),
        lambda: desk.seen("morning."),
        DONE,
    ]
    desk.post(f"/v1/conversations/{desk.office.talk.id}/{route}", {"content": "Hello?"}, EVENTS)
    assert desk.status == 200
    assert "event: done" in desk.body


def test_a_streamed_completion_leaves_piece_by_piece_too(make: Callable[..., Desk]) -> None:
    """A-65"""
    desk = make()
    desk.office.model.script[:] = [
        Delta("Good "),
        lambda: desk.seen("Good "),
        Delta("morning."),
        lambda: desk.seen("morning."),
        DONE,
    ]
    desk.post("/v1/chat/completions", {**ASKED, "stream": True})
    assert desk.status == 200
    assert "data: [DONE]" in desk.body


@pytest.mark.parametrize("path", ["messages", "completions"])
@pytest.mark.parametrize("said", [[], [Delta("Good ")]])
def test_whoever_waits_for_the_whole_answer_is_answered_in_time(
    make: Callable[..., Desk], monkeypatch: pytest.MonkeyPatch, path: str, said: list[Piece]
) -> None:
    """A-65: of a model that says nothing, and of one that does not come to its end."""
    monkeypatch.setattr(sys.modules["message_routes"], "WHOLE_WITHIN", SOON)
    monkeypatch.setattr(sys.modules["completion_routes"], "WHOLE_WITHIN", SOON)
    desk = make(*said, forever)
    if path == "messages":
        desk.post(f"/v1/conversations/{desk.office.talk.id}/messages", {"content": "Hello?"})
    else:
        desk.post("/v1/chat/completions", ASKED)
    assert (desk.status, desk.code) == (504, "model_timeout")
    assert desk.office.model.closed, "nobody reads what it says"


def test_a_streamed_completion_that_does_not_begin_is_answered_in_time(make: Callable[..., Desk]) -> None:
    """A-65: until the first piece there is a status to fail with; `Guarded` ends that wait."""
    desk = make(forever)
    guarded = Guarded(desk.office.model, Breaker(), first=SOON)
    desk.complete._models = ChatModels([guarded])
    desk.post("/v1/chat/completions", {**ASKED, "stream": True})
    assert (desk.status, desk.code) == (504, "model_timeout")


def test_a_question_about_documents_is_answered_in_time(
    clock: HeldClock, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    """A-65"""

    async def ask(*_: Any) -> None:
        await asyncio.Future()

    with loaded("documents"):
        routes = sys.modules["question_routes"]
        monkeypatch.setattr(routes, "WITHIN", SOON)
        logger = Logger(service=request.node.nodeid, stream=io.StringIO())
        app = make_app("Test", logger=logger, idempotency=Idempotency(Nowhere(), clock), gate=make_gate(), version="1")
        app.include_router(routes.question_routes(SimpleNamespace(ask=ask)), prefix="/v1")
        got: list[Message] = []

        async def take(message: Message) -> None:
            got.append(message)

        asyncio.run(asyncio.wait_for(post(app, "/v1/documents/query", {"question": "What?"}, take), 10))
    assert got[0]["status"] == 504
    assert json.loads(got[1]["body"])["code"] == "model_timeout"


def test_no_wait_is_longer_than_an_answer_may_take(messages: ModuleType) -> None:
    """A-65: the waits of the routes that do not stream, and of those that do until they begin."""
    limits = {name: sys.modules[name].WHOLE_WITHIN for name in ("message_routes", "completion_routes")}
    limits["first token"] = inspect.signature(Guarded).parameters["first"].default
    limits |= {"marks": listen.MAX_WAIT, "commands": command.MAX_WAIT}
    with loaded("documents"):
        limits["documents"] = sys.modules["question_routes"].WITHIN
    with loaded("auth"):
        limits["erasure"] = sys.modules["account_routes"].ERASE_FOR.total_seconds()
    with loaded("audio"):
        limits["audio"] = sys.modules["started"].QUIET
    assert {name: limit for name, limit in limits.items() if not 0 < limit <= LONGEST - BEFORE_AND_AFTER} == {}

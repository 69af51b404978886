"""An answer over a connection: what goes out, and what is stored of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from antiphon.conversations.answer import Asked, Follow, reply_id_of
from antiphon.conversations.model import Status
from antiphon.engines.chat import Delta, Done, ModelError
from antiphon.platform.errors import Invalid
from antiphon.realtime.converse import PIECE, SHOWN, Converse
from antiphon.realtime.memory import MemorySockets
from antiphon.realtime.ports import Question
from tests.unit.chat.test_answer import DONE, Office, Piece
from tests.unit.conftest import HeldClock

SEED = "01ARZ3NDEKTSV4RRFFQ69G5FAV"


class Line:
    def __init__(self, clock: HeldClock, *script: Piece) -> None:
        self.office = Office(clock, *script)
        self.sockets = MemorySockets()
        self.converse = Converse(
            answer=self.office.answer,
            follow=Follow(self.office.store, clock, pause=0),
            store=self.office.store,
            sockets=self.sockets,
            monotonic=lambda: self.office.ticks,
        )
        self.question = Question("usr_1", "c1", "free", self.office.talk.id, {}, SEED, "q")

    def leave(self) -> None:
        """Some time later."""
        self.office.ticks += 1
        self.sockets.gone.add("c1")

    def ask(self, asked: Callable[[Question], Asked] | None = None) -> str:
        def read(question: Question) -> Asked:
            return self.office.asked(seed=question.seed)

        return asyncio.run(self.converse(self.question, asked or read, "req_1"))

    @property
    def frames(self) -> list[Any]:
        return self.sockets.frames.pop("c1", [])

    @property
    def stored(self) -> Any:
        return self.office.store.message(self.office.talk.id, reply_id_of(f"msg_{SEED}"))


def test_an_answer_comes_piece_by_piece_and_is_stored_as_it_was_seen(clock: HeldClock) -> None:
    line = Line(clock, Delta("Good "), Delta("morning."), DONE)
    assert line.ask() == "answered"
    message, *deltas, done = line.frames
    assert (message["type"], message["message"]["content"]) == ("message", "Hello there. You?")
    assert "".join(d["text"] for d in deltas) == "Good morning."
    assert deltas[-1]["end"] == len("Good morning.")
    assert (done["type"], done["reply"]["content"]) == ("done", "Good morning.")
    assert {(f["conversation_id"], f["reply_id"], f["ref"]) for f in (message, *deltas, done)} == {
        (line.office.talk.id, line.stored.id, "q")
    }
    assert (line.stored.content, line.stored.status) == ("Good morning.", Status.COMPLETE)


def test_pieces_that_come_fast_go_out_together(clock: HeldClock) -> None:
    """At most twenty a second: here no time passes between them."""
    line = Line(clock, *[Delta("x")] * 200, DONE)
    line.ask()
    deltas = [f for f in line.frames if f["type"] == "delta"]
    assert len(deltas) == 2
    assert "".join(d["text"] for d in deltas) == "x" * 200


def test_a_piece_waits_no_longer_than_it_must(clock: HeldClock) -> None:
    """The model falls silent for good after its second word: that word goes out, although nothing follows it."""
    told = asyncio.Event()

    async def silent() -> None:
        await asyncio.wait_for(told.wait(), 10)

    line = Line(clock, Delta("one "), Delta("two"), silent, DONE)
    post = line.sockets.post

    def telling(connection_id: str, frame: Any) -> None:
        post(connection_id, frame)
        if frame["type"] == "delta" and frame["text"].endswith("two"):
            loop.call_soon_threadsafe(told.set)

    line.sockets.post = telling  # type: ignore[method-assign]

    async def run() -> str:
        nonlocal loop
        loop = asyncio.get_running_loop()
        return await line.converse(line.question, lambda q: line.office.asked(seed=q.seed), "req_1")

    loop: asyncio.AbstractEventLoop
    # A real clock, by which the time of the piece comes.
    line.converse._monotonic = __import__("time").monotonic
    assert asyncio.run(run()) == "answered"


def test_a_long_piece_is_cut_and_a_long_text_is_not_repeated(clock: HeldClock) -> None:
    """A-29: no message is too large for the gateway."""
    line = Line(clock, Delta("é" * (SHOWN // 2 + 1)), DONE)
    line.ask()
    _, *deltas, done = line.frames
    assert all(len(d["text"]) <= PIECE for d in deltas)
    assert "".join(d["text"] for d in deltas) == "é" * (SHOWN // 2 + 1)
    assert [d["end"] for d in deltas][-1] == SHOWN // 2 + 1
    assert done["reply"]["content"] is None


def test_a_client_that_leaves_ends_the_call_of_the_model(clock: HeldClock) -> None:
    line = Line(clock, Delta("Good "), lambda: line.leave(), Delta("morning."), *[Delta("x")] * 9, DONE)
    assert line.ask() == "left"
    assert line.office.model.closed
    assert (line.stored.status, line.stored.ended, line.stored.content) == (
        Status.INCOMPLETE,
        "stopped",
        "Good morning.",
    )


def test_a_model_that_fails_half_way_is_told_with_what_there_is(clock: HeldClock) -> None:
    line = Line(clock, Delta("Good "), ModelError("It broke.", code="model_failed"))
    assert line.ask() == "model_failed"
    error = line.frames[-1]
    assert (error["type"], error["code"], error["reply"]["content"], error["ref"]) == (
        "error",
        "model_failed",
        "Good ",
        "q",
    )
    assert line.stored.content == "Good "


def test_what_cannot_be_asked_is_an_error_frame(clock: HeldClock) -> None:
    line = Line(clock, DONE)

    def wrong(question: Question) -> Asked:
        raise Invalid("content: is empty; write something")

    assert line.ask(wrong) == "invalid_request"
    (error,) = line.frames
    assert (error["type"], error["status"], error["ref"], error["conversation_id"]) == (
        "error",
        422,
        "q",
        line.office.talk.id,
    )
    assert line.stored is None


def test_a_question_that_comes_twice_is_answered_once(clock: HeldClock) -> None:
    line = Line(clock, Delta("Good morning."), DONE)
    assert [line.ask(), line.ask()] == ["answered"] * 2
    assert len(line.office.model.asked) == 1
    types = [f["type"] for f in line.frames]
    assert types == ["message", "delta", "done"] * 2


def test_an_answer_whose_writer_died_is_told_as_far_as_it_came(clock: HeldClock) -> None:
    line = Line(clock, Delta("Good morning."), DONE)
    line.ask()
    half = replace(line.stored, status=Status.STREAMING, content="Good ")
    line.office.store._messages[half.conversation_id, half.id] = half
    line.frames.clear()
    clock.move(minutes=30)
    assert line.ask() == "interrupted"
    assert line.frames[-1]["reply"]["content"] == "Good "


@pytest.mark.parametrize("text", ["", "short"])
def test_an_empty_answer_is_an_answer(clock: HeldClock, text: str) -> None:
    line = Line(clock, *([Delta(text)] if text else []), Done("stop", 1, 1))
    assert line.ask() == "answered"
    assert line.frames[-1]["reply"]["content"] == text

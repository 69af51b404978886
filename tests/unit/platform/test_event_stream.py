"""Streams of events: what is sent, what keeps them alive, and how they end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from fastapi.sse import KEEPALIVE_COMMENT

from antiphon.platform.sse import EventStream, event

Send = Callable[[Any], Awaitable[None]]


def sent_by(
    events: Callable[[list[bytes]], AsyncIterator[bytes]],
    ping_every: float = 60.0,
    during: Callable[[asyncio.Task[None], list[bytes]], None] | None = None,
) -> tuple[list[bytes], int]:
    """All bodies, and how many tasks there were beside the one that served. during: called after each body."""
    bodies: list[bytes] = []
    made = 0

    async def run() -> int:
        async def send(message: Any) -> None:
            if message["type"] == "http.response.body":
                bodies.append(message["body"])
                if during:
                    during(serving, bodies)

        serving = asyncio.ensure_future(EventStream(events(bodies), ping_every).stream_response(send))

        def counted(loop: asyncio.AbstractEventLoop, work: Any, **more: Any) -> asyncio.Task[Any]:
            nonlocal made
            made += 1
            return asyncio.Task(work, loop=loop, **more)

        asyncio.get_running_loop().set_task_factory(counted)
        await serving
        return made

    return bodies, asyncio.run(run())


def test_pieces_leave_in_order_and_none_of_them_makes_a_task() -> None:
    async def events(_: list[bytes]) -> AsyncIterator[bytes]:
        for number in range(500):
            await asyncio.sleep(0)
            yield event("delta", {"n": number})

    bodies, tasks = sent_by(events)
    assert bodies == [*(event("delta", {"n": n}) for n in range(500)), b""]
    assert tasks == 1


def test_silence_is_broken_by_comments_between_two_events() -> None:
    async def events(bodies: list[bytes]) -> AsyncIterator[bytes]:
        yield b"a\n\n"
        while bodies.count(KEEPALIVE_COMMENT) < 3:
            await asyncio.sleep(0)
        yield b"b\n\n"

    bodies, _ = sent_by(events, ping_every=0.001)
    assert bodies[:5] == [b"a\n\n", *[KEEPALIVE_COMMENT] * 3, b"b\n\n"]


def test_a_reader_who_leaves_ends_what_is_waited_for() -> None:
    """L-14"""
    ended: list[str] = []

    async def events(_: list[bytes]) -> AsyncIterator[bytes]:
        try:
            yield b"a\n\n"
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            ended.append("canceled")
            raise

    def leave(serving: asyncio.Task[None], bodies: list[bytes]) -> None:
        asyncio.get_running_loop().call_soon(serving.cancel)

    with pytest.raises(asyncio.CancelledError):
        sent_by(events, during=leave)
    assert ended == ["canceled"]


def test_what_cannot_be_sent_closes_the_events() -> None:
    """L-14"""
    closed: list[bool] = []

    async def events(_: list[bytes]) -> AsyncIterator[bytes]:
        try:
            for _ in range(9):
                yield b"a\n\n"
        finally:
            closed.append(True)

    def broken(_: asyncio.Task[None], bodies: list[bytes]) -> None:
        if len(bodies) == 3:
            raise OSError("the connection is gone")

    with pytest.raises(OSError, match="gone"):
        sent_by(events, during=broken)
    assert closed == [True]

"""L-09: what all models together may cost in a day."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from antiphon.conversations.cap_dynamo import TRUE_FOR, DynamoDailyCap, daily_cap
from antiphon.engines.chat import About, Delta, Done, ModelError, Prompt, Turn
from antiphon.engines.chat_capped import Capped
from antiphon.platform.metrics_memory import MemoryMetrics
from antiphon.platform.table import Table

ASK = Prompt("", (Turn("user", "Hello?"),))


class Clocks:
    def __init__(self) -> None:
        self.now, self.ticks = datetime(2026, 11, 21, 23, 0, tzinfo=UTC), 100.0

    def later(self, seconds: float) -> None:
        self.ticks += seconds
        self.now += timedelta(seconds=seconds)


class Model:
    about = About("m", "openai", 1000)

    def __init__(self, *tokens: int | None) -> None:
        self.tokens = tokens
        self.asked = 0

    async def stream(self, prompt: Prompt) -> AsyncIterator[Delta | Done]:
        self.asked += 1
        yield Delta("Hello there")
        if not self.tokens:
            raise ModelError("broke off")
        yield Done("stop", *self.tokens)

    async def aclose(self) -> None:
        """There is nothing."""


def cap(table: Table, clocks: Clocks, limit: int = 100) -> DynamoDailyCap:
    return DynamoDailyCap(table, limit, lambda: clocks.now, lambda: clocks.ticks)


def ask(model: Capped) -> str:
    async def run() -> str:
        async with aclosing(cast(Any, model.stream(ASK))) as pieces:
            return "".join([piece.text async for piece in pieces if isinstance(piece, Delta)])

    return asyncio.run(run())


def test_a_day_that_is_spent_is_over_until_midnight(table: Table) -> None:
    clocks = Clocks()
    first, second = cap(table, clocks), cap(table, clocks)
    model = Model(60, 30)
    assert ask(Capped(model, first)) == "Hello there"
    clocks.later(TRUE_FOR + 1)
    assert ask(Capped(model, second)) == "Hello there", "90 of 100 are spent"
    clocks.later(TRUE_FOR + 1)
    with pytest.raises(ModelError) as refused:
        ask(Capped(model, first))
    assert (refused.value.code, refused.value.status, model.asked) == ("budget_exhausted", 503, 2)
    assert refused.value.retry_after == 3600 - 2 * (TRUE_FOR + 1)
    clocks.later(3600)
    assert ask(Capped(model, first)) == "Hello there"


def test_what_breaks_off_is_counted_as_far_as_it_came(table: Table) -> None:
    clocks = Clocks()
    with pytest.raises(ModelError, match="broke off"):
        ask(Capped(Model(), cap(table, clocks, 5)))
    with pytest.raises(ModelError) as refused:
        ask(Capped(Model(1, 1), cap(table, clocks, 5)))
    assert refused.value.code == "budget_exhausted"


def test_the_operator_hears_how_much_of_the_day_is_spent(table: Table) -> None:
    clocks = Clocks()
    day = cap(table, clocks)
    assert day.percent() == 0
    day.add(85)
    clocks.later(TRUE_FOR + 1)
    assert day.percent() == 85
    clocks.later(3600)
    assert day.percent() == 0


def test_each_call_is_measured_however_it_ends(table: Table) -> None:
    """O-05"""
    seen = MemoryMetrics()
    ask(Capped(Model(60, 30), None, seen))
    with pytest.raises(ModelError, match="broke off"):
        ask(Capped(Model(), None, seen))
    with pytest.raises(ModelError):
        ask(Capped(Model(60, 30), cap(table, Clocks(), 0), seen))
    tokens, error, partly, refused = seen.seen
    assert tokens == ("LlmTokens", 90, {"model": "m"})
    assert error == ("LlmErrors", 1, {"code": "model_unavailable"})
    assert (partly[0], partly[1] > 0) == ("LlmTokens", True)
    assert refused == ("LlmErrors", 1, {"code": "budget_exhausted"})


def test_no_cap_is_no_cap(table: Table) -> None:
    assert daily_cap(table, 0, lambda: datetime.now(UTC)) is None

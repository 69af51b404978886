"""L-13: the circuit breaker, and what counts as a failure of a provider."""

from __future__ import annotations

import asyncio

import pytest

from antiphon.conversations.answer import Ended
from antiphon.conversations.model import Status as MessageStatus
from antiphon.engines.chat import MAX_ANSWER, Delta, Done, ModelError, Prompt, Turn
from antiphon.engines.chat_guarded import Breaker, Guarded
from antiphon.engines.chat_models import ChatModels, ChatSettings
from tests.unit.chat.test_answer import Office, Scripted
from tests.unit.conftest import HeldClock

PROMPT = Prompt("", (Turn("user", "x"),))


class Ticks:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def ask(guarded: Guarded) -> str:
    async def run() -> None:
        async for _ in guarded.stream(PROMPT):
            pass

    try:
        asyncio.run(run())
    except ModelError as error:
        return error.code
    return "ok"


def test_five_failures_open_the_circuit_and_one_success_closes_it() -> None:
    ticks, model = Ticks(), Scripted([ModelError("no")])
    guarded = Guarded(model, Breaker(ticks))
    assert [ask(guarded) for _ in range(7)] == ["model_unavailable"] * 7
    assert len(model.asked) == 5
    ticks.now = 29.9
    ask(guarded)
    assert len(model.asked) == 5
    ticks.now = 30.1
    ask(guarded)
    ask(guarded)
    assert len(model.asked) == 6  # half open: one tries, and it failed
    ticks.now, model.script = 61, [Delta("x"), Done()]
    assert [ask(guarded) for _ in range(3)] == ["ok"] * 3


def test_an_open_circuit_says_when_to_come_back() -> None:
    breaker = Breaker(Ticks())
    for _ in range(5):
        breaker.failed()
    with pytest.raises(ModelError) as refused:
        breaker.begin()
    assert (refused.value.status, refused.value.retry_after) == (503, 30)


def test_failures_that_are_far_apart_open_nothing() -> None:
    ticks, model = Ticks(), Scripted([ModelError("no")])
    guarded = Guarded(model, Breaker(ticks))
    for _ in range(10):
        ask(guarded)
        ticks.now += 8
    assert len(model.asked) == 10


def test_a_model_that_minds_no_limit_is_ended_with_what_it_has_said(clock: HeldClock) -> None:
    """L-12: ten megabytes"""
    office = Office(clock)
    endless = Scripted([Delta("x" * 10_000)] * 1_000)
    office.answer._models = ChatModels([Guarded(endless, Breaker(Ticks()))])
    *_, ended = office.steps()
    assert isinstance(ended, Ended)
    assert ended.error is not None
    assert (ended.error.code, ended.error.status) == ("answer_too_long", 502)
    assert (len(ended.reply.content), ended.reply.status) == (MAX_ANSWER, MessageStatus.INCOMPLETE)
    assert endless.closed


@pytest.mark.parametrize("code", ["content_blocked", "model_refused"])
def test_what_is_wrong_with_a_request_says_nothing_of_the_provider(code: str) -> None:
    model = Scripted([ModelError("no", code=code)])
    guarded = Guarded(model, Breaker(Ticks()))
    assert [ask(guarded) for _ in range(9)] == [code] * 9
    assert len(model.asked) == 9


def test_a_model_without_its_key_is_listed_and_says_what_is_missing() -> None:
    models = ChatModels.of(ChatSettings(gemini_models="gemini-x", openai_models="gemma"))
    assert [(m.name, m.configured) for m in models.all] == [("gemini-x", False), ("gemma", False), ("offline", True)]
    with pytest.raises(ModelError) as refused:
        asyncio.run(anext(models.default.stream(PROMPT)))  # type: ignore[arg-type]
    assert refused.value.code == "model_not_configured"


def test_models_are_named_in_order_and_the_first_is_the_default() -> None:
    settings = ChatSettings("gemini-a, gemini-b", "key", openai_models="gemma", openai_url="http://localhost/v1")
    models = ChatModels.of(settings)
    assert [m.name for m in models.all] == ["gemini-a", "gemini-b", "gemma", "offline"]
    assert all(m.configured for m in models.all)
    assert models.default.about.name == "gemini-a"
    assert ChatModels.of(ChatSettings()).default.about.name == "offline"

"""One answer to a dialogue that the client keeps itself: nothing of it is stored but what it cost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar, cast

from antiphon.conversations.answer import SAFETY, prompt_tokens
from antiphon.conversations.budget import Budget, Reserved
from antiphon.conversations.ports import Passages
from antiphon.engines.chat import Delta, Done, Prompt, tokens_of
from antiphon.engines.chat_models import ChatModels
from antiphon.identity.tiers import limits_of
from antiphon.platform.clock import Clock
from antiphon.platform.errors import TooLarge
from antiphon.platform.ids import new_id
from antiphon.speech.metering import month_at

DEAD_AFTER = timedelta(minutes=10)
"""No answer takes so long."""
T = TypeVar("T")


class Complete:
    def __init__(self, *, models: ChatModels, budget: Budget, passages: Passages, clock: Clock) -> None:
        self._models = models
        self._budget = budget
        self._passages = passages
        self._clock = clock

    async def __call__(self, user_id: str, tier: str, model_name: str, prompt: Prompt) -> AsyncIterator[Delta | Done]:
        """The last is a Done that has counts. Raises Invalid, TooLarge, QuotaExceeded, ModelError."""
        model = self._models.get(model_name)
        if model.about.provider == "offline" and not prompt.sources:
            question = prompt.turns[-1].text
            found = await _off(partial(self._passages.fitting, user_id, "none", question, "none"))
            prompt = replace(prompt, sources=found)
        counted_in = prompt_tokens(prompt)
        room = int(model.about.context_tokens * SAFETY) - prompt.settings.max_output_tokens
        if counted_in > room and model.about.provider != "offline":
            raise TooLarge(f"The dialogue is too long for {model.about.name}.", code="context_length_exceeded")
        now = self._clock()
        most = counted_in + prompt.settings.max_output_tokens
        reserved = Reserved(new_id("req"), user_id, month_at(now), most, now + DEAD_AFTER)
        await _off(partial(self._budget.reserve, reserved, limits_of(tier), now))
        said, done = "", None
        try:
            async with aclosing(cast(Any, model.stream(prompt))) as pieces:
                async for piece in pieces:
                    if isinstance(piece, Done):
                        done = piece
                    else:
                        said += piece.text
                        yield piece
        finally:
            # However it ended, also when the reader has left: what came is paid, what did not is not.
            whole = done or Done()
            if said or done:
                tokens_in = counted_in if whole.tokens_in is None else whole.tokens_in
                tokens_out = tokens_of(said) if whole.tokens_out is None else whole.tokens_out
            else:
                tokens_in = tokens_out = 0
            self._budget.settle(reserved, tokens_in + tokens_out)
        yield replace(whole, tokens_in=tokens_in, tokens_out=tokens_out)


async def _off(work: Callable[[], T]) -> T:
    return await asyncio.shield(asyncio.to_thread(work))

"""What all models of the deployment together may cost in a day, and what the operator hears of each call."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any, Protocol, cast

from antiphon.engines.chat import DATA_RULE, ChatModel, Delta, Done, ModelError, Prompt, data_part, tokens_of
from antiphon.platform.metrics import UNMEASURED, Metrics


class DailyCap(Protocol):
    def check(self) -> None:
        """Raises ModelError ``budget_exhausted`` until the next day begins, UTC, where the day's tokens are spent."""

    def add(self, tokens: int) -> None:
        """What one call really cost."""


class Capped:
    """Asks before each call, and counts after it, however it ended. Requests at the same moment may go a little beyond the cap together. cap: None for none."""

    def __init__(self, model: ChatModel, cap: DailyCap | None, metrics: Metrics = UNMEASURED) -> None:
        self.about = model.about
        self._model = model
        self._cap = cap
        self._metrics = metrics

    async def stream(self, prompt: Prompt) -> AsyncIterator[Delta | Done]:
        said, done = 0, Done()
        try:
            if self._cap:
                await asyncio.to_thread(self._cap.check)
            async with aclosing(cast(Any, self._model.stream(prompt))) as pieces:
                async for piece in pieces:
                    if isinstance(piece, Done):
                        done = piece
                    else:
                        said += tokens_of(piece.text)
                    yield piece
        except ModelError as error:
            self._metrics.put("LlmErrors", code=error.code)
            raise
        finally:
            if said or done.tokens_in or done.tokens_out:
                read = _read(prompt) if done.tokens_in is None else done.tokens_in
                cost = read + (said if done.tokens_out is None else done.tokens_out)
                self._metrics.put("LlmTokens", cost, model=self.about.name)
                if self._cap:
                    self._cap.add(cost)

    async def aclose(self) -> None:
        await self._model.aclose()


def _read(prompt: Prompt) -> int:
    texts = [prompt.system, *(turn.text for turn in prompt.turns)]
    texts += [DATA_RULE, data_part(prompt.sources)] if prompt.sources else []
    return sum(tokens_of(text) for text in texts)

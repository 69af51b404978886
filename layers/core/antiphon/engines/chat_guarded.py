"""What stands around every model: time limits between two tokens, a limit of the whole answer, and a circuit breaker for its provider."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from typing import Any, cast

from antiphon.engines.chat import BEGUN, BETWEEN, MAX_ANSWER, ChatModel, Delta, Done, ModelError, Prompt

FAILURES, WITHIN, OPEN_FOR = 5, 30.0, 30.0
"""So many failures within so many seconds open the circuit, for so many seconds."""


class Breaker:
    """Of one provider, in this process. now: seconds, of a clock that only goes forward.

    Open: every request fails at once. Half open, when its time is over: one request tries, the others fail at once; how it ends decides.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._failures: deque[float] = deque(maxlen=FAILURES)
        self._open_until: float | None = None
        self._trying = False

    def begin(self) -> None:
        """Raises ModelError ``model_unavailable`` with the seconds to wait."""
        with self._lock:
            if self._open_until is None:
                return
            wait = self._open_until - self._now()
            if wait > 0 or self._trying:
                raise ModelError(
                    "The provider of the model has failed several times and is not asked at the moment.",
                    retry_after=max(1, round(wait)),
                )
            self._trying = True

    def succeeded(self) -> None:
        with self._lock:
            self._failures.clear()
            self._open_until, self._trying = None, False

    def failed(self) -> None:
        with self._lock:
            now = self._now()
            self._failures.append(now)
            full = len(self._failures) == FAILURES and now - self._failures[0] <= WITHIN
            if self._trying or full:
                self._open_until = now + OPEN_FOR
            self._trying = False

    def left(self) -> None:
        """It ended, and says nothing about the provider."""
        with self._lock:
            self._trying = False


class Guarded:
    """A model with a breaker that its provider's other models share. first, between: seconds until the first token, attempts included,
    and between two."""

    def __init__(self, model: ChatModel, breaker: Breaker, *, first: float = BEGUN, between: float = BETWEEN) -> None:
        self.about = model.about
        self._model = model
        self._breaker = breaker
        self._first = first
        self._between = between

    async def stream(self, prompt: Prompt) -> AsyncIterator[Delta | Done]:
        self._breaker.begin()
        ended = self._breaker.left
        try:
            async with aclosing(cast(Any, self._model.stream(prompt))) as pieces:
                patience, said = self._first, 0
                while (piece := await self._next(pieces, patience)) is not None:
                    patience, ended = self._between, self._breaker.succeeded
                    if isinstance(piece, Delta) and (said := said + len(piece.text)) > MAX_ANSWER:
                        raise ModelError("The model did not come to an end.", code="answer_too_long")
                    yield piece
        except ModelError as error:
            ended = self._breaker.failed if error.is_the_providers else self._breaker.succeeded
            raise
        finally:
            ended()

    async def aclose(self) -> None:
        await self._model.aclose()

    @staticmethod
    async def _next(pieces: Any, seconds: float) -> Delta | Done | None:
        try:
            async with asyncio.timeout(seconds):
                return cast("Delta | Done", await anext(pieces))
        except StopAsyncIteration:
            return None
        except TimeoutError as error:
            raise ModelError("The model took too long.", code="model_timeout") from error

"""A message from a connection, and the answer to it on the same connection, piece by piece: the use case of ``POST …/messages/stream``."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import aclosing, suppress
from typing import Any, cast

from antiphon.conversations.answer import Answer, Asked, Begun, Ended, Follow, Text, reply_id_of
from antiphon.conversations.model import Message
from antiphon.conversations.ports import ConversationStore
from antiphon.conversations.view import message_view
from antiphon.platform.errors import AntiphonError
from antiphon.realtime.ports import Gone, Question, Slow, Sockets
from antiphon.realtime.show import error_frame, with_ref

EVERY = 0.05
"""Seconds between two pieces: what the model says in between goes out together."""
PIECE = 8_000
"""Characters of one piece."""
SHOWN = 64 * 1024
"""Bytes of a text that go into a frame whole; a longer one is read from the conversation."""
Step = Begun | Text | Ended


class Converse:
    def __init__(
        self,
        *,
        answer: Answer,
        follow: Follow,
        store: ConversationStore,
        sockets: Sockets,
        every: float = EVERY,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._answer = answer
        self._follow = follow
        self._store = store
        self._sockets = sockets
        self._every = every
        self._monotonic = monotonic

    async def __call__(self, question: Question, asked: Callable[[Question], Asked], request_id: str) -> str:
        """How it went: ``answered``, ``left`` (the model was stopped, as there was nobody any more), or the code of an error. asked: raises AntiphonError."""
        try:
            return await self._tell(question, self._steps(question, asked), request_id)
        except AntiphonError as error:
            about = {"conversation_id": question.conversation_id}
            with suppress(Gone, Slow):
                await self._post(question, error_frame(error, request_id, question.ref, **about))
            return error.code
        except (Gone, Slow):
            return "left"

    async def _steps(self, question: Question, asked: Callable[[Question], Asked]) -> AsyncIterator[Step]:
        """Of an answer that was begun before, by a message that came twice or a try that broke off, what is stored and what is still to come."""
        message_id = f"msg_{question.seed}"
        reply_id = reply_id_of(message_id)
        message = await asyncio.to_thread(self._store.message, question.conversation_id, message_id)
        reply = message and await asyncio.to_thread(self._store.message, question.conversation_id, reply_id)
        if message is None or reply is None:
            steps: AsyncIterator[Any] = self._answer(question.conversation_id, asked(question))
        else:
            yield Begun(message, reply)
            steps = self._follow(question.user_id, question.conversation_id, reply_id, 0)
        async with aclosing(cast(Any, steps)):
            async for step in steps:
                yield step

    async def _tell(self, question: Question, steps: AsyncIterator[Step], request_id: str) -> str:
        about = {"conversation_id": question.conversation_id, "reply_id": reply_id_of(f"msg_{question.seed}")}
        outcome = "interrupted"
        async with aclosing(cast(Any, _together(steps, self._every, self._monotonic))) as joined:
            async for step in joined:
                if isinstance(step, Begun):
                    shown = {"message": _shown(step.message), "reply": _shown(step.reply)}
                    await self._post(question, with_ref({"type": "message", **about, **shown}, question.ref))
                elif isinstance(step, Text):
                    for text, end in _pieces(step):
                        piece = {"type": "delta", **about, "text": text, "end": end}
                        await self._post(question, with_ref(piece, question.ref))
                elif step.error is None:
                    frame = {"type": "done", **about, "reply": _shown(step.reply)}
                    await self._post(question, with_ref(frame, question.ref))
                    outcome = "answered"
                else:
                    told = error_frame(step.error, request_id, question.ref, **about, reply=_shown(step.reply))
                    await self._post(question, told)
                    outcome = step.error.code
        return outcome

    async def _post(self, question: Question, frame: Mapping[str, Any]) -> None:
        """Raises Gone, Slow."""
        await asyncio.to_thread(self._sockets.post, question.connection_id, frame)


async def _together(steps: AsyncIterator[Step], every: float, monotonic: Callable[[], float]) -> AsyncIterator[Step]:
    """The same steps, with the texts joined that come within ``every`` seconds of one that was handed on. steps: closed when this is."""
    held: Text | None = None
    handed_on = monotonic() - every
    coming: asyncio.Future[Step] | None = None
    async with aclosing(cast(Any, steps)):
        try:
            while True:
                if coming is None:
                    coming = asyncio.ensure_future(cast(Any, anext(steps)))
                wait = None if held is None else max(0.0, handed_on + every - monotonic())
                done, _ = await asyncio.wait({coming}, timeout=wait)
                if done:
                    ended, coming = coming, None
                    try:
                        step = ended.result()
                    except StopAsyncIteration:
                        if held is not None:
                            yield held
                        return
                    if isinstance(step, Text):
                        held = Text(held.text + step.text, step.end) if held else step
                        if monotonic() - handed_on < every:
                            continue
                    else:
                        if held is not None:
                            yield held
                            held = None
                        yield step
                        continue
                assert held is not None
                handed_on = monotonic()
                piece, held = held, None
                yield piece
        finally:
            if coming is not None:
                coming.cancel()
                with suppress(asyncio.CancelledError, StopAsyncIteration):
                    await coming


def _pieces(step: Text) -> list[tuple[str, int]]:
    begins = step.end - len(step.text)
    cut = [step.text[at : at + PIECE] for at in range(0, len(step.text), PIECE)]
    return [(text, begins + place * PIECE + len(text)) for place, text in enumerate(cut)]


def _shown(message: Message) -> dict[str, Any]:
    view = message_view(message)
    if len(message.content.encode(errors="replace")) > SHOWN:
        view["content"] = None
    return view

"""A message and its answer: whole, or piece by piece."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Annotated, Any, cast

from fastapi import APIRouter, Depends, Header, Path, Request, Response
from fastapi.responses import JSONResponse
from shapes import audio_model_view, model_view
from wiring import Wiring

from antiphon.conversations.answer import Asked, Begun, Ended, Text
from antiphon.conversations.model import ChatOptions
from antiphon.conversations.shapes import NewMessage
from antiphon.conversations.view import message_view
from antiphon.engines.chat import ModelError
from antiphon.platform.errors import Invalid
from antiphon.platform.problem import problem
from antiphon.platform.request import Caller
from antiphon.platform.sse import EventStream, event, wants_stream
from antiphon.platform.web import caller, seed_of

Me = Annotated[Caller, Depends(caller)]
Id = Annotated[str, Path(max_length=64)]
LastEventId = Annotated[
    str | None, Header(max_length=80, description="Of the last event that was seen: goes on behind it.")
]
WHOLE_WITHIN = 25.0
"""Seconds for an answer that comes in one piece; the gateway gives up after 29."""
_EVENT_ID = re.compile(r"(msg_[0-9A-HJKMNP-TV-Z]{26}):(\d{1,9})")


def message_routes(wiring: Wiring) -> APIRouter:
    routes = APIRouter(prefix="/conversations", tags=["chat"])

    @routes.post("/{conversation_id}/messages", status_code=201, response_model=None)
    async def send(
        conversation_id: Id, new: NewMessage, request: Request, me: Me, last_event_id: LastEventId = None
    ) -> Response:
        """Stores the message and answers it. With ``Accept: text/event-stream`` the answer comes piece by piece."""
        if wants_stream(request):
            return await stream(conversation_id, new, request, me, last_event_id)
        begun: Begun | None = None
        ended: Ended | None = None
        try:
            async with asyncio.timeout(WHOLE_WITHIN):
                async with aclosing(cast(Any, wiring.answer(conversation_id, _asked(new, request, me)))) as steps:
                    async for step in steps:
                        if isinstance(step, Begun):
                            begun = step
                        elif isinstance(step, Ended):
                            ended = step
        except TimeoutError as error:
            detail = "The answer took too long to wait for it; what there is of it is stored. Ask for a stream."
            raise ModelError(detail, code="model_timeout") from error
        assert begun is not None
        assert ended is not None
        if ended.error:
            raise ended.error
        return JSONResponse({"message": message_view(begun.message), "reply": message_view(ended.reply)}, 201)

    @routes.post("/{conversation_id}/messages/stream", response_model=None)
    async def stream(
        conversation_id: Id, new: NewMessage, request: Request, me: Me, last_event_id: LastEventId = None
    ) -> Response:
        """Events: ``message`` (both messages), ``delta`` (text), then ``done`` (the reply) or ``error`` (a problem, and the reply as far as it came)."""
        if last_event_id is not None:
            steps, reply_id = _resumed(wiring, me, conversation_id, last_event_id)
        else:
            steps, reply_id = wiring.answer(conversation_id, _asked(new, request, me)), ""
        # Until the first event there is a status to fail with.
        first = await anext(steps)
        return EventStream(_events(first, steps, reply_id, request.state.request_id))

    return routes


def model_routes(wiring: Wiring) -> APIRouter:
    routes = APIRouter(tags=["chat"])

    @routes.get("/models")
    def models() -> dict[str, Any]:
        """Those that chat, of which the first one is the default, then those of the audio routes."""
        chat = [model_view(about) for about in wiring.models.all]
        return {"object": "list", "data": [*chat, *(audio_model_view(model) for model in wiring.audio_models)]}

    return routes


def _asked(new: NewMessage, request: Request, me: Caller) -> Asked:
    return Asked(
        user_id=me.user_id,
        tier=me.tier,
        content=new.content,
        options=new.settings.options() if new.settings else ChatOptions(),
        parts=tuple(a.model_dump() for a in new.attachments),
        model=new.model,
        seed=seed_of(request),
        request_id=request.state.request_id,
    )


def _resumed(wiring: Wiring, me: Caller, conversation_id: str, last_event_id: str) -> tuple[AsyncIterator[Any], str]:
    match = _EVENT_ID.fullmatch(last_event_id)
    if match is None:
        raise Invalid("Last-Event-ID: send the id of an event of this conversation.", code="bad_event_id")
    return wiring.follow(me.user_id, conversation_id, match[1], int(match[2])), match[1]


async def _events(first: Any, steps: AsyncIterator[Any], reply_id: str, request_id: str) -> AsyncIterator[bytes]:
    async with aclosing(cast(Any, steps)):
        step: Begun | Text | Ended | None = first
        while step is not None:
            if isinstance(step, Begun):
                reply_id = step.reply.id
                shown = {"message": message_view(step.message), "reply": message_view(step.reply)}
                yield event("message", shown, f"{reply_id}:0")
            elif isinstance(step, Text):
                yield event("delta", {"text": step.text}, f"{reply_id}:{step.end}")
            else:
                reply, at = message_view(step.reply), f"{reply_id}:{len(step.reply.content)}"
                if step.error is None:
                    yield event("done", {"reply": reply}, at)
                else:
                    yield event("error", {**problem(step.error, request_id), "reply": reply}, at)
            step = await anext(steps, None)

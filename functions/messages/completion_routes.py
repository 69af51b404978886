"""``POST /v1/chat/completions`` as OpenAI has it: the official SDKs work with our base address and an API key of ours."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Annotated, Any, Literal, cast

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from wiring import Wiring

from antiphon.conversations.model import DEFAULT_OUTPUT, MAX_CONTENT, MAX_OUTPUT
from antiphon.engines.chat import Call, Delta, Done, ModelError, Prompt, Settings, Tool, Turn
from antiphon.platform.errors import AntiphonError, Invalid
from antiphon.platform.ids import new_id
from antiphon.platform.openai_errors import error_object
from antiphon.platform.request import Caller
from antiphon.platform.sse import EventStream
from antiphon.platform.web import caller

Me = Annotated[Caller, Depends(caller)]
WHOLE_WITHIN = 25.0
Text = Annotated[str, StringConstraints(max_length=MAX_CONTENT)]
_REASONS = {"stop": "stop", "length": "length", "tool_calls": "tool_calls"}


class Shape(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Part(Shape):
    type: Literal["text"]
    text: Text


class Function(Shape):
    name: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    arguments: Text = "{}"


class ToolCall(Shape):
    id: Annotated[str, StringConstraints(max_length=100)]
    type: Literal["function"] = "function"
    function: Function


class ChatMessage(Shape):
    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: Text | Annotated[list[Part], Field(max_length=100)] | None = None
    name: Annotated[str, StringConstraints(max_length=64)] | None = None
    refusal: Text | None = None
    tool_calls: Annotated[list[ToolCall], Field(max_length=100)] | None = None
    tool_call_id: Annotated[str, StringConstraints(max_length=100)] | None = None

    @property
    def text(self) -> str:
        return self.content if isinstance(self.content, str) else "".join(p.text for p in self.content or ())


class Declared(Shape):
    name: Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_-]+$")]
    description: Text = ""
    parameters: dict[str, Any] = Field(default_factory=lambda: {"type": "object", "properties": {}})
    strict: bool | None = None


class DeclaredTool(Shape):
    type: Literal["function"]
    function: Declared


class StreamOptions(Shape):
    include_usage: bool = False


class NewCompletion(Shape):
    """What this API does not do is refused, not left out: ``n`` above 1, log probabilities, images, a forced tool."""

    model: Annotated[str, StringConstraints(min_length=1, max_length=100)]
    messages: Annotated[list[ChatMessage], Field(min_length=1, max_length=1_000)]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    max_tokens: Annotated[int, Field(ge=1, le=MAX_OUTPUT)] | None = None
    max_completion_tokens: Annotated[int, Field(ge=1, le=MAX_OUTPUT)] | None = None
    tools: Annotated[list[DeclaredTool], Field(max_length=64)] | None = None
    tool_choice: Literal["auto", "none"] | None = None
    n: Literal[1] | None = None
    user: Annotated[str, StringConstraints(max_length=200)] | None = None
    store: Literal[False] | None = None

    def prompt(self) -> Prompt:
        """Raises Invalid."""
        system = "\n\n".join(m.text for m in self.messages if m.role in ("system", "developer"))
        turns = tuple(_turn(m) for m in self.messages if m.role not in ("system", "developer"))
        if not turns or turns[-1].role == "assistant":
            raise Invalid("The last message has to be one of the user or of a tool.")
        most = self.max_completion_tokens or self.max_tokens or DEFAULT_OUTPUT
        declared = [t.function for t in self.tools or ()] if self.tool_choice != "none" else []
        tools = tuple(Tool(f.name, f.description, f.parameters) for f in declared)
        return Prompt(system, turns, Settings(self.temperature, self.top_p, most), tools)


def _turn(message: ChatMessage) -> Turn:
    calls = []
    for call in message.tool_calls or ():
        try:
            arguments = json.loads(call.function.arguments or "{}")
        except ValueError as error:
            raise Invalid(f"The arguments of the call {call.id} are no JSON.") from error
        calls.append(Call(call.id, call.function.name, arguments))
    role = cast(Literal["user", "assistant", "tool"], message.role)
    return Turn(role, message.text, tuple(calls), message.tool_call_id or "")


def completion_routes(wiring: Wiring) -> APIRouter:
    routes = APIRouter(prefix="/chat", tags=["chat"])

    @routes.post("/completions", response_model=None)
    async def complete(wanted: NewCompletion, request: Request, me: Me) -> Response:
        pieces = wiring.complete(me.user_id, me.tier, wanted.model, wanted.prompt())
        made = {"id": "chatcmpl-" + new_id("msg").partition("_")[2], "created": int(time.time()), "model": wanted.model}
        if wanted.stream:
            first = await anext(pieces)
            usage = bool(wanted.stream_options and wanted.stream_options.include_usage)
            return EventStream(_chunks(first, pieces, made, usage))
        try:
            async with asyncio.timeout(WHOLE_WITHIN):
                said, done = "", Done()
                async with aclosing(cast(Any, pieces)):
                    async for piece in pieces:
                        if isinstance(piece, Delta):
                            said += piece.text
                        else:
                            done = piece
        except TimeoutError as error:
            raise ModelError(
                "The answer took too long to wait for it; ask for a stream.", code="model_timeout"
            ) from error
        message: dict[str, Any] = {"role": "assistant", "content": said or None, "refusal": None}
        if done.calls:
            message["tool_calls"] = [_call(c) for c in done.calls]
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": _REASONS[done.reason]}
        return JSONResponse({**made, "object": "chat.completion", "choices": [choice], "usage": _usage(done)})

    return routes


async def _chunks(
    first: Delta | Done, pieces: AsyncIterator[Delta | Done], made: dict[str, Any], usage: bool
) -> AsyncIterator[bytes]:
    def chunk(delta: dict[str, Any], reason: str | None = None) -> bytes:
        choices = [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}]
        return _data(
            {**made, "object": "chat.completion.chunk", "choices": choices} | ({"usage": None} if usage else {})
        )

    async with aclosing(cast(Any, pieces)):
        yield chunk({"role": "assistant", "content": "", "refusal": None})
        piece: Delta | Done | None = first
        try:
            while piece is not None:
                if isinstance(piece, Delta):
                    yield chunk({"content": piece.text})
                else:
                    for index, call in enumerate(piece.calls):
                        yield chunk({"tool_calls": [{"index": index, **_call(call)}]})
                    yield chunk({}, _REASONS[piece.reason])
                    if usage:
                        last = {**made, "object": "chat.completion.chunk", "choices": [], "usage": _usage(piece)}
                        yield _data(last)
                piece = await anext(pieces, None)
        except AntiphonError as error:
            yield _data(error_object(error))
            return
        yield b"data: [DONE]\n\n"


def _data(value: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(value, ensure_ascii=False).encode() + b"\n\n"


def _call(call: Call) -> dict[str, Any]:
    arguments = json.dumps(dict(call.arguments), ensure_ascii=False)
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments}}


def _usage(done: Done) -> dict[str, int]:
    counted = (done.tokens_in or 0, done.tokens_out or 0)
    return {"prompt_tokens": counted[0], "completion_tokens": counted[1], "total_tokens": sum(counted)}

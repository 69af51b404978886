"""Any endpoint that speaks OpenAI's chat protocol: OpenAI, vLLM, llama.cpp, a Gemma under Ollama. Through the official SDK."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, cast
from weakref import WeakKeyDictionary

from antiphon.engines.chat import (
    ATTEMPTS,
    CONNECT,
    DATA_RULE,
    FIRST,
    About,
    Call,
    Delta,
    Done,
    Image,
    ModelError,
    Prompt,
    Reason,
    Turn,
    data_part,
)

if TYPE_CHECKING:
    from openai import AsyncOpenAI

_REASONS: dict[str, Reason] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
}


class OpenAiChat:
    """base_url: with its ``/v1``; model: the endpoint's own name of it, which may differ from ours in ``about``."""

    def __init__(self, about: About, *, base_url: str, api_key: str, model: str) -> None:
        self.about = about
        self._base_url = base_url
        self._api_key = api_key
        self._model = model
        # A client belongs to the event loop that it was first used in.
        self._clients: WeakKeyDictionary[asyncio.AbstractEventLoop, AsyncOpenAI] = WeakKeyDictionary()

    async def stream(self, prompt: Prompt) -> AsyncIterator[Delta | Done]:
        import httpx2
        import openai

        try:
            answer = await self._client().chat.completions.create(**_request(self._model, prompt))
            async with aclosing(cast(Any, answer)):
                async for piece in _pieces(answer):
                    yield piece
        except (openai.APITimeoutError, httpx2.TimeoutException) as error:
            raise ModelError("The model took too long.", code="model_timeout") from error
        except openai.APIStatusError as error:
            raise _refused(error) from error
        except (openai.APIError, httpx2.HTTPError) as error:  # connections, and errors that come amid a stream
            raise ModelError("The model cannot be reached, or broke off.") from error
        except ValueError as error:  # no JSON
            raise ModelError("The model answered something that is no answer.") from error

    async def aclose(self) -> None:
        if client := self._clients.pop(asyncio.get_running_loop(), None):
            await client.close()

    def _client(self) -> AsyncOpenAI:
        from openai import AsyncOpenAI, Timeout

        loop = asyncio.get_running_loop()
        client = self._clients.get(loop)
        if client is None:
            client = self._clients[loop] = AsyncOpenAI(
                base_url=self._base_url,
                api_key=self._api_key or "none",
                timeout=Timeout(FIRST, connect=CONNECT),
                max_retries=ATTEMPTS - 1,
            )
        return client


def _request(model: str, prompt: Prompt) -> dict[str, Any]:
    system = "\n\n".join(part for part in (prompt.system, DATA_RULE if prompt.sources else "") if part)
    messages: list[dict[str, Any]] = [{"role": "system", "content": system}] if system else []
    messages += [_message(turn) for turn in prompt.turns]
    asked_at = max(n for n, message in enumerate(messages) if message["role"] == "user" or n == 0)
    if prompt.images:
        parts = [{"type": "image_url", "image_url": {"url": _data_url(image)}} for image in prompt.images]
        messages[asked_at]["content"] = [{"type": "text", "text": messages[asked_at]["content"]}, *parts]
    if prompt.sources:
        # A message of its own before the question: servers with strict templates take no list of parts.
        messages.insert(asked_at, {"role": "user", "content": data_part(prompt.sources)})
    # What the SDK itself takes it looks through, each message at a time on the event loop: a tenth of a second for a long conversation.
    as_it_is: dict[str, Any] = {"messages": messages}
    asked: dict[str, Any] = {
        "model": model,
        "messages": [],
        "extra_body": as_it_is,
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_tokens": prompt.settings.max_output_tokens,
    }
    for name in ("temperature", "top_p"):
        if (value := getattr(prompt.settings, name)) is not None:
            asked[name] = value
    if prompt.tools:
        as_it_is["tools"] = [
            {
                "type": "function",
                "function": {"name": t.name, "description": t.description, "parameters": dict(t.parameters)},
            }
            for t in prompt.tools
        ]
    return asked


def _data_url(image: Image) -> str:
    return f"data:{image.content_type};base64,{base64.b64encode(image.data).decode()}"


def _message(turn: Turn) -> dict[str, Any]:
    if turn.role == "tool":
        return {"role": "tool", "tool_call_id": turn.call_id, "content": turn.text}
    message: dict[str, Any] = {"role": turn.role, "content": turn.text}
    if turn.calls:
        message["tool_calls"] = [
            {"id": c.id, "type": "function", "function": {"name": c.name, "arguments": json.dumps(dict(c.arguments))}}
            for c in turn.calls
        ]
    return message


async def _pieces(answer: Any) -> AsyncIterator[Delta | Done]:
    reason, usage = None, None
    calls: dict[int, dict[str, str]] = {}
    async for chunk in answer:
        usage = chunk.usage or usage
        for choice in chunk.choices[:1]:
            if choice.delta.content:
                yield Delta(choice.delta.content)
            for part in choice.delta.tool_calls or ():
                known = calls.setdefault(part.index, {"id": "", "name": "", "arguments": ""})
                known["id"] = part.id or known["id"]
                if part.function:
                    known["name"] += part.function.name or ""
                    known["arguments"] += part.function.arguments or ""
            reason = choice.finish_reason or reason
    if reason == "content_filter":
        raise ModelError("The provider's safety rules do not allow this answer.", code="content_blocked")
    if reason is None:
        raise ModelError("The model broke off.")
    wanted = tuple(Call(c["id"], c["name"], json.loads(c["arguments"] or "{}")) for _, c in sorted(calls.items()))
    why: Reason = "tool_calls" if wanted else _REASONS.get(reason, "stop")
    yield Done(why, usage.prompt_tokens if usage else None, usage.completion_tokens if usage else None, wanted)


def _refused(error: Any) -> ModelError:
    """By status. Only what may pass by itself counts against the provider."""
    body = error.body if isinstance(error.body, dict) else {}
    if error.status_code == 429:
        return ModelError(
            "The provider limits our requests at the moment.", code="model_busy", retry_after=_wait(error)
        )
    if error.status_code in (408, 504):
        return ModelError("The model took too long.", code="model_timeout")
    if error.status_code >= 500:
        return ModelError("The provider of the model does not work at the moment.", retry_after=_wait(error))
    if "content_filter" in (body.get("code"), body.get("type")):
        return ModelError("The provider's safety rules do not allow this request.", code="content_blocked")
    return ModelError(
        f"The provider did not take the request (status {error.status_code}); the operator should check model and key.",
        code="model_refused",
    )


def _wait(error: Any) -> int:
    said = error.response.headers.get("retry-after", "")
    return min(int(said), 600) if said.isdecimal() else 5

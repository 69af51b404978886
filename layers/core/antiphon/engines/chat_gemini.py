"""Google's Gemini, through google-genai."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, cast
from weakref import WeakKeyDictionary

from antiphon.engines.chat import (
    ATTEMPTS,
    DATA_RULE,
    FIRST,
    About,
    Call,
    Delta,
    Done,
    ModelError,
    Prompt,
    Reason,
    Turn,
    data_part,
)

if TYPE_CHECKING:
    from google.genai import Client

BASE_URL = "https://generativelanguage.googleapis.com"
_BLOCKED = frozenset({"SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "IMAGE_SAFETY", "LANGUAGE"})
_CATEGORIES = ("HARASSMENT", "HATE_SPEECH", "SEXUALLY_EXPLICIT", "DANGEROUS_CONTENT")


class GeminiChat:
    """model: Google's name of it, such as ``gemini-3-flash``."""

    def __init__(self, about: About, *, api_key: str, model: str, base_url: str = BASE_URL) -> None:
        self.about = about
        self._api_key = api_key
        self._model = model
        self._base_url = base_url
        self._clients: WeakKeyDictionary[asyncio.AbstractEventLoop, Client] = WeakKeyDictionary()

    async def stream(self, prompt: Prompt) -> AsyncIterator[Delta | Done]:
        import httpx2
        from google.genai import errors

        try:
            answer = await self._client().aio.models.generate_content_stream(
                model=self._model, contents=cast(Any, _contents(prompt)), config=cast(Any, _config(prompt))
            )
            async with aclosing(cast(Any, answer)):
                async for piece in _pieces(answer):
                    yield piece
        except errors.APIError as error:
            raise _refused(error) from error
        except (httpx2.TimeoutException, TimeoutError) as error:
            raise ModelError("The model took too long.", code="model_timeout") from error
        except (httpx2.HTTPError, OSError, errors.UnknownApiResponseError) as error:
            raise ModelError("The model cannot be reached, or broke off.") from error
        except ValueError as error:
            raise ModelError("The model answered something that is no answer.") from error

    async def aclose(self) -> None:
        if client := self._clients.pop(asyncio.get_running_loop(), None):
            await client.aio.aclose()
            client.close()

    def _client(self) -> Client:
        from google.genai import Client, types

        loop = asyncio.get_running_loop()
        client = self._clients.get(loop)
        if client is None:
            options = types.HttpOptions(
                base_url=self._base_url,
                timeout=int(FIRST * 1000),  # milliseconds; there is none by itself
                retry_options=types.HttpRetryOptions(
                    attempts=ATTEMPTS, initial_delay=0.5, max_delay=4, exp_base=2, jitter=1
                ),
                # It would follow redirects, with the key in the header.
                async_client_args={"follow_redirects": False, "trust_env": False},
            )
            client = self._clients[loop] = Client(api_key=self._api_key, http_options=options)
        return client


def _config(prompt: Prompt) -> dict[str, Any]:
    system = "\n\n".join(part for part in (prompt.system, DATA_RULE if prompt.sources else "") if part)
    config: dict[str, Any] = {
        "max_output_tokens": prompt.settings.max_output_tokens,
        "safety_settings": [
            {"category": f"HARM_CATEGORY_{name}", "threshold": "BLOCK_MEDIUM_AND_ABOVE"} for name in _CATEGORIES
        ],
        "automatic_function_calling": {"disable": True},
    }
    if system:
        config["system_instruction"] = system
    for name in ("temperature", "top_p"):
        if (value := getattr(prompt.settings, name)) is not None:
            config[name] = value
    if prompt.tools:
        declared = [
            {"name": t.name, "description": t.description, "parameters_json_schema": dict(t.parameters)}
            for t in prompt.tools
        ]
        config["tools"] = [{"function_declarations": declared}]
    return config


def _contents(prompt: Prompt) -> list[dict[str, Any]]:
    names = {call.id: call.name for turn in prompt.turns for call in turn.calls}
    contents = [_content(turn, names) for turn in prompt.turns]
    asked_at = max(n for n, turn in enumerate(prompt.turns) if turn.role == "user" or n == 0)
    for image in prompt.images:
        contents[asked_at]["parts"].append({"inline_data": {"mimeType": image.content_type, "data": image.data}})
    if prompt.sources:
        contents[asked_at]["parts"].insert(0, {"text": data_part(prompt.sources)})
    return contents


def _content(turn: Turn, names: dict[str, str]) -> dict[str, Any]:
    if turn.role == "tool":
        answer = {"id": turn.call_id, "name": names.get(turn.call_id, "tool"), "response": {"result": turn.text}}
        return {"role": "user", "parts": [{"function_response": answer}]}
    parts: list[dict[str, Any]] = [{"text": turn.text}] if turn.text or not turn.calls else []
    parts += [{"function_call": {"id": c.id, "name": c.name, "args": dict(c.arguments)}} for c in turn.calls]
    return {"role": "model" if turn.role == "assistant" else "user", "parts": parts}


async def _pieces(answer: Any) -> AsyncIterator[Delta | Done]:
    reason, usage = None, None
    calls: list[Call] = []
    async for chunk in answer:
        usage = chunk.usage_metadata or usage
        if chunk.prompt_feedback and chunk.prompt_feedback.block_reason:
            raise ModelError("The provider's safety rules do not allow this request.", code="content_blocked")
        for candidate in (chunk.candidates or ())[:1]:
            for part in (candidate.content.parts if candidate.content else None) or ():
                if part.function_call:
                    call = part.function_call
                    calls.append(Call(call.id or f"call_{len(calls)}", call.name or "", dict(call.args or {})))
                elif part.text and not part.thought:
                    yield Delta(part.text)
            reason = candidate.finish_reason.value if candidate.finish_reason else reason
    if reason in _BLOCKED:
        raise ModelError("The provider's safety rules do not allow this answer.", code="content_blocked")
    if reason is None:
        raise ModelError("The model broke off.")
    why: Reason = "tool_calls" if calls else "length" if reason == "MAX_TOKENS" else "stop"
    # What it thought is paid for like what it said.
    said = (usage.candidates_token_count or 0) + (usage.thoughts_token_count or 0) if usage else None
    yield Done(why, usage.prompt_token_count if usage else None, said, tuple(calls))


def _refused(error: Any) -> ModelError:
    if error.code == 429:
        return ModelError("The provider limits our requests at the moment.", code="model_busy", retry_after=5)
    if error.code in (408, 504):
        return ModelError("The model took too long.", code="model_timeout")
    if error.code is None or error.code >= 500:
        return ModelError("The provider of the model does not work at the moment.", retry_after=5)
    return ModelError(
        f"The provider did not take the request (status {error.code}); the operator should check model and key.",
        code="model_refused",
    )

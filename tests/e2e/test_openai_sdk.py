"""The official SDK of OpenAI with our base address and an API key of ours."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import openai
import pytest

from antiphon.speech.openai.names import SPEAKERS, TRANSCRIBERS
from infra.local.person import Person
from infra.local.stack import LocalStack
from tests.e2e.conftest import MODEL
from tests.model_servers import Act, OpenAiServer

HELLO: Any = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello?"}]
ADD: Any = {
    "type": "function",
    "function": {"name": "add", "parameters": {"type": "object", "properties": {"a": {"type": "integer"}}}},
}


@pytest.fixture
def sdk(stack: LocalStack, person: Person) -> Iterator[openai.OpenAI]:
    key = person.post("/v1/api-keys", {"name": "sdk", "scopes": ["chat:read", "chat:write"]}).json()["key"]
    with openai.OpenAI(base_url=f"{stack.url}/v1", api_key=key, max_retries=0) as client:
        yield client


def test_a_whole_answer(sdk: openai.OpenAI, person: Person, model: OpenAiServer) -> None:
    answer = sdk.chat.completions.create(model=MODEL, messages=HELLO, temperature=0.2, max_tokens=50)
    assert answer.choices[0].message.content == "Good morning."
    assert (answer.choices[0].finish_reason, answer.model) == ("stop", MODEL)
    assert answer.usage is not None
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (11, 7)
    assert person.get("/v1/me/usage").json()["tokens"] == 18
    (asked,) = model.seen
    assert [m["content"] for m in asked["messages"]] == ["Be brief.", "Hello?"]
    assert (asked["temperature"], asked["max_tokens"]) == (0.2, 50)


def test_an_answer_piece_by_piece(sdk: openai.OpenAI, person: Person, model: OpenAiServer) -> None:
    options: Any = {"include_usage": True}
    chunks = list(sdk.chat.completions.create(model=MODEL, messages=HELLO, stream=True, stream_options=options))
    texts = [c.choices[0].delta.content or "" for c in chunks if c.choices]
    assert [text for text in texts if text] == ["Good ", "mor", "ning."]
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "stop"
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.total_tokens == 18
    assert person.get("/v1/me/usage").json()["tokens"] == 18


@pytest.mark.parametrize("streamed", [False, True])
def test_tools_are_called_and_answered(sdk: openai.OpenAI, model: OpenAiServer, streamed: bool) -> None:
    model.script = [Act((), calls=(("add", {"a": 1}),))]
    if streamed:
        chunks = list(sdk.chat.completions.create(model=MODEL, messages=HELLO, tools=[ADD], stream=True))
        call: Any = next(c.choices[0].delta.tool_calls for c in chunks if c.choices and c.choices[0].delta.tool_calls)[
            0
        ]
        assert chunks[-1].choices[0].finish_reason == "tool_calls"
    else:
        answer = sdk.chat.completions.create(model=MODEL, messages=HELLO, tools=[ADD])
        assert answer.choices[0].finish_reason == "tool_calls"
        assert answer.choices[0].message.tool_calls is not None
        call = answer.choices[0].message.tool_calls[0]
    assert (call.function.name, call.function.arguments) == ("add", '{"a": 1}')
    assert model.seen[0]["tools"][0]["function"]["name"] == "add"
    model.script = [Act(("Two.",))]
    said = {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": call.id, "type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}}],
    }
    result = {"role": "tool", "tool_call_id": call.id, "content": "2"}
    after = sdk.chat.completions.create(model=MODEL, messages=[*HELLO, said, result], tools=[ADD])
    assert after.choices[0].message.content == "Two."


def test_models_are_listed(sdk: openai.OpenAI) -> None:
    """Those that chat first, then every name that the audio routes take, with the engine that answers to it."""
    listed = sdk.models.list().data
    assert [m.id for m in listed][:2] == [MODEL, "offline"]
    audio = {m.id: m.model_dump()["capabilities"] for m in listed[2:]}
    assert {*TRANSCRIBERS, *SPEAKERS, "pocketsphinx", "espeak"} == set(audio)
    assert ("transcription" in audio["whisper-1"], "speech" in audio["tts-1"]) == (True, True)


def test_errors_are_those_that_the_sdk_knows(stack: LocalStack, sdk: openai.OpenAI, model: OpenAiServer) -> None:
    with pytest.raises(openai.NotFoundError) as unknown:
        sdk.chat.completions.create(model="nobody", messages=HELLO)
    assert unknown.value.code == "model_not_found"
    with pytest.raises(openai.BadRequestError) as wrong:
        sdk.chat.completions.create(model=MODEL, messages=HELLO, temperature=9)
    assert (wrong.value.type, wrong.value.param) == ("invalid_request_error", "temperature")
    with pytest.raises(openai.BadRequestError):
        sdk.chat.completions.create(model=MODEL, messages=HELLO, n=2)
    with pytest.raises(openai.BadRequestError):
        sdk.chat.completions.create(model=MODEL, messages=[])
    with (
        openai.OpenAI(base_url=f"{stack.url}/v1", api_key="wrong", max_retries=0) as nobody,
        pytest.raises(openai.AuthenticationError),
    ):
        nobody.chat.completions.create(model=MODEL, messages=HELLO)
    model.script = [Act(status=400)]
    with pytest.raises(openai.InternalServerError) as refused:
        sdk.chat.completions.create(model=MODEL, messages=HELLO)
    assert (refused.value.status_code, refused.value.code) == (502, "model_refused")


def test_a_stream_that_breaks_off_raises(sdk: openai.OpenAI, person: Person, model: OpenAiServer) -> None:
    model.script = [Act(("Half ",), after="cut")]
    chunks = sdk.chat.completions.create(model=MODEL, messages=HELLO, stream=True)
    seen = [next(chunks).choices[0].delta.content for _ in range(2)]
    with pytest.raises(openai.APIError) as broken:
        next(chunks)
    assert (seen, broken.value.code) == (["", "Half "], "model_unavailable")
    assert 0 < person.get("/v1/me/usage").json()["tokens"] < 100


def test_offline_answers_there_too(sdk: openai.OpenAI) -> None:
    answer = sdk.chat.completions.create(model="offline", messages=HELLO)
    assert "I am offline" in (answer.choices[0].message.content or "")

"""Schemathesis sends what OpenAI's schema of its audio routes allows and what it forbids to the function, over fakes.

What is valid is answered with 200 and a body of the SDK's types, or refused for a reason that ``refused_for`` lists. What is not, is refused with OpenAI's error object.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import string
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jsonschema
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st
from openai.types.audio import TranscriptionTextDeltaEvent, TranscriptionTextDoneEvent, TranscriptionTextSegmentEvent
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.transport import Response
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from antiphon.speech.model import Failure, Kind
from tests.contract.openai.published import (
    ANSWERS,
    EVENTS,
    FORM,
    HEARERS,
    NOT_SERVED,
    SPEAKERS,
    SPOKEN,
    TEXTS,
    VOICES,
    answer,
    document,
    error_schema,
)
from tests.integration.webhooks.functions import loaded
from tests.unit.conftest import HeldClock
from tests.unit.openai.test_routes import Audio
from tests.unit.speech.conftest import ANNA, Desk, wav

THOROUGH = os.environ.get("ANTIPHON_THOROUGH") == "1"
PATHS = ("/audio/transcriptions", "/audio/translations", "/audio/speech")
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
SOUNDS = (wav(20), wav(1), wav(0))
NO_SOUNDS = (b"", b"Not a recording.", b"\x89PNG\r\n\x1a\n" + bytes(64), b"\x01\xfe" * 40)
"""Of these the last is known as none by the worker alone."""
LANGUAGES = st.text(string.ascii_lowercase, min_size=2, max_size=2)
SERVED = [
    *((path, {"response_format": format}, format) for path in ANSWERS for format in (*ANSWERS[path], *TEXTS)),
    *(("/audio/speech", {"response_format": format}, format) for format in SPOKEN),
    ("/audio/transcriptions", {"stream": True}, "events"),
    ("/audio/speech", {"stream_format": "sse"}, "events"),
]
"""Route, fields, and what comes."""
SAID = "Said 0. Said 1."
STREAMED: Mapping[str, Any] = {
    "transcript.text.delta": TranscriptionTextDeltaEvent,
    "transcript.text.segment": TranscriptionTextSegmentEvent,
    "transcript.text.done": TranscriptionTextDoneEvent,
}


def sized(examples: int) -> settings:
    return settings(
        max_examples=examples * (10 if THOROUGH else 1),
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.explicit, Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )


class Worked(Audio):
    """Its worker finds out what is no recording."""

    def forget(self) -> None:
        """As new: to build the function takes longer than a request."""
        self.steps = ["claim", "do", "do", "finish"]
        for store in (self.desk.jobs, self.desk.media, self.desk.objects):
            store.__init__()  # type: ignore[misc]

    async def _work(self, seconds: float) -> None:
        if self.steps[:1] == ["do"] and self.job.kind is Kind.TRANSCRIPTION and not self._is_sound():
            self.steps, self.failure = ["fail"], Failure("undecodable_media", "No sound could be read.")
        await super()._work(seconds)

    def _is_sound(self) -> bool:
        source = self.job.source
        assert source
        return self.desk.objects.read(source.bucket, source.key).startswith(b"RIFF")


@pytest.fixture
def send() -> Iterator[Callable[[Case], Response]]:
    """To a function whose customer has no job yet."""
    with loaded("audio") as handler:
        audio = Worked(Desk(HeldClock()), handler.build, "published")

        def call(case: Case) -> Response:
            context = {
                "resourcePath": f"/v1{case.path}",
                "httpMethod": case.method,
                "identity": {"sourceIp": "192.0.2.1"},
                "authorizer": {"user_id": ANNA.user_id, "tier": "free", "role": "user", "scopes": ""},
            }
            audio.forget()
            return case.call(app=audio.app, headers={"x-amzn-request-context": json.dumps(context)})

        yield call


def operation(path: str, pinned: Mapping[str, Any] | None = None) -> Any:
    schemathesis.openapi.format("openai-recording", st.sampled_from(SOUNDS * 4 + NO_SOUNDS))
    schemathesis.openapi.format("openai-language", LANGUAGES)
    return schemathesis.openapi.from_dict(document(pinned))[path]["POST"]


def fields_of(case: Case) -> dict[str, Any]:
    assert isinstance(case.body, dict)
    return dict(case.body)


def allowed(schema: Any, value: Any) -> bool:
    """Whether the schema allows what a form says with this value: all in it is text, a list is a part for each of its items, and 0 and 1 are truth values too."""
    if not isinstance(value, dict) or "properties" not in schema:
        return any(jsonschema.Draft202012Validator(schema).is_valid(reading) for reading in readings(value))
    known = schema["properties"]
    return set(schema["required"]) <= set(value) <= set(known) and all(
        allowed(known[name], part) for name, part in value.items() if part != []
    )


def readings(value: Any) -> Iterator[Any]:
    yield value
    text = value if isinstance(value, str) else json.dumps(value)
    yield text
    if text in ("0", "1"):
        yield text == "1"
    with contextlib.suppress(ValueError):
        yield json.loads(text)
    yield [
        item if isinstance(item, str) else json.dumps(item) for item in (value if isinstance(value, list) else [value])
    ]


def refused_for(path: str, body: Mapping[str, Any]) -> set[str]:
    """The parameters for which a request that OpenAI's schema allows is refused: by OpenAI's own rules in prose, or as not served here."""
    found = set()
    if path == "/audio/speech":
        voice = body["voice"]["id"] if isinstance(body["voice"], dict) else body["voice"]
        if body["model"] not in SPEAKERS:
            found.add("model")
        if voice not in VOICES:
            found.add("voice")
        if not body["input"].strip():
            found.add("input")
        if body.get("stream_format") == "sse" and body["model"] in ("tts-1", "tts-1-hd"):
            found.add("stream_format")
        return found
    if body["model"] not in HEARERS:
        found.add("model")
    if bytes_of(body["file"]) in NO_SOUNDS:
        found.add("file")
    if body.get("timestamp_granularities") and body.get("response_format") != "verbose_json":
        found.add("timestamp_granularities")
    found |= {name for name in NOT_SERVED if body.get(name)}
    # Bounds of ours, where OpenAI's schema has none.
    if any(not 1 <= len(term) <= 200 for term in body.get("keywords", ())) or len(body.get("keywords", ())) > 100:
        found.add("keywords")
    strategy = body.get("chunking_strategy")
    if isinstance(strategy, dict) and not all(
        0 <= strategy.get(name, 0) <= 60_000 for name in ("prefix_padding_ms", "silence_duration_ms")
    ):
        found.add("chunking_strategy")
    return found


def bytes_of(file: Any) -> bytes:
    return file if isinstance(file, bytes) else file.data


def outcome(path: str, body: Mapping[str, Any], response: Response) -> str:
    """What came, in a word. Fails where it is not what was asked for."""
    reasons = refused_for(path, body)
    if response.status_code != 200:
        error = response.json()["error"]
        assert error["param"] in reasons, (body, error)
        assert response.status_code == (404 if error["code"] == "model_not_found" else 400)
        return f"refused for {error['param']}"
    assert not reasons, (body, reasons)
    kind = response.headers["content-type"][0].split(";")[0]
    if path == "/audio/speech":
        return spoken(body, kind, response)
    if body.get("stream") and body["model"] != "whisper-1":
        assert kind == EVENTS
        heard(events_of(response))
        return "events"
    format = body.get("response_format", "json")
    if format in TEXTS:
        assert kind == TEXTS[format]
        assert "Said 1." in response.text
    else:
        assert kind == "application/json"
        jsonschema.validate(response.json(), answer(ANSWERS[path][format]))
        assert response.json()["text"] == SAID
    return format


def spoken(body: Mapping[str, Any], kind: str, response: Response) -> str:
    format = body.get("response_format", "mp3")
    if body.get("stream_format") == "sse":
        assert kind == EVENTS
        *deltas, done = events_of(response)
        assert {event["type"] for event in deltas} == {"speech.audio.delta"}
        assert b"".join(base64.b64decode(event["audio"], validate=True) for event in deltas)
        assert done["type"] == "speech.audio.done"
        assert {type(done["usage"][name]) for name in ("input_tokens", "output_tokens", "total_tokens")} == {int}
        return "events"
    assert kind == SPOKEN[format]
    assert response.content
    return format


def heard(events: list[dict[str, Any]]) -> None:
    for event in events:
        jsonschema.validate(event, answer(STREAMED[event["type"]]))
    assert [event["type"] for event in events].index("transcript.text.done") == len(events) - 1
    assert "".join(event.get("delta", "") for event in events) == events[-1]["text"] == SAID


def events_of(response: Response) -> list[dict[str, Any]]:
    return [json.loads(line[6:]) for line in response.text.splitlines() if line.startswith("data: ")]


@pytest.mark.parametrize(("path", "pinned", "wanted"), SERVED)
def test_what_the_schema_allows_is_answered(
    path: str, pinned: dict[str, Any], wanted: str, send: Callable[[Case], Response]
) -> None:
    came = Counter[str]()

    @sized(10)
    @given(case=operation(path, pinned).as_strategy(generation_mode=GenerationMode.POSITIVE))
    def check(case: Case) -> None:
        body = fields_of(case)
        response = send(case)
        case.validate_response(response, checks=CHECKS)
        note(repr(body))
        came[outcome(path, body, response)] += 1

    check()
    assert came[wanted] >= 3, came


@pytest.mark.parametrize("path", PATHS)
def test_any_text_may_stand_where_names_are_known(path: str, send: Callable[[Case], Response]) -> None:
    @sized(15)
    @given(case=operation(path).as_strategy(generation_mode=GenerationMode.POSITIVE))
    def check(case: Case) -> None:
        body = fields_of(case)
        response = send(case)
        case.validate_response(response, checks=CHECKS)
        outcome(path, body, response)

    check()


@pytest.mark.parametrize("path", PATHS)
def test_what_the_schema_forbids_is_refused(path: str, send: Callable[[Case], Response]) -> None:
    target, refused = operation(path), Counter[str]()

    @sized(25)
    @given(case=target.as_strategy(generation_mode=GenerationMode.NEGATIVE))
    def check(case: Case) -> None:
        response = send(case)
        case.validate_response(response, checks=CHECKS)
        if is_forbidden(case):
            refused[refusal(response)] += 1

    check()
    assert refused.total() >= 12


@pytest.mark.parametrize("path", PATHS)
def test_each_bound_of_each_field_is_held(path: str, send: Callable[[Case], Response]) -> None:
    """Also the methods that there are not. Of the models and voices the known ones: other requests end at that."""
    target, came = operation(path, {"input": "One. Two."} if path == "/audio/speech" else {}), Counter[str]()
    generation = target.schema.config.generation_for(operation=target)
    for mode in GenerationMode:
        for case in target.schema.iter_coverage_cases(target, generation_modes=[mode], generation_config=generation):
            response = send(case)
            if mode.is_positive:
                came[outcome(path, fields_of(case), response)] += 1
            elif case.method != "POST":
                assert response.status_code == 405, case.method
            elif is_forbidden(case):
                came[refusal(response)] += 1
    assert came["missing_required_parameter"]
    assert came["decimal_below_min_value"]
    assert came["decimal_above_max_value"]
    assert came["mp3" if path == "/audio/speech" else "json"]


def is_forbidden(case: Case) -> bool:
    """Also as text, where it is a form."""
    content = case.operation.schema.raw_schema["paths"][case.path]["post"]["requestBody"]["content"]
    return case.media_type != FORM or not allowed(content[FORM]["schema"], case.body)


def refusal(response: Response) -> str:
    """Its code."""
    assert response.status_code >= 400, response.request.body
    jsonschema.validate(response.json(), error_schema())
    error = response.json()["error"]
    assert (response.status_code in (400, 404), error["type"]) == (True, "invalid_request_error"), error
    assert "'None'" not in error["message"]
    return str(error["code"])

"""OpenAI's own client with our base address: what its users lose in 2027, as they have it now."""

from __future__ import annotations

import base64
import io
import json
import re
import socket
import time
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import av
import httpx
import httpx2
import openai
import pytest
import srt
import webvtt
from pydantic import BaseModel

from infra.local.person import Person, upload
from infra.local.recordings import spoken_wav
from infra.local.stack import ROOT, LocalStack

TALK = spoken_wav(2)
"""Of 5.3 seconds."""
SCOPES = ["transcriptions:read", "transcriptions:write", "speech:read", "speech:write"]
SAID = "There is a small house near the river. She will call you again in the afternoon."
BEYOND = {"task"}
"""Fields that OpenAI sends and its client does not declare."""


@pytest.fixture
def key(person: Person) -> str:
    return str(person.post("/v1/api-keys", {"name": "sdk", "scopes": SCOPES}).json()["key"])


@pytest.fixture
def sdk(stack: LocalStack, key: str) -> Iterator[openai.OpenAI]:
    """It raises at any answer that is not as OpenAI's document has it."""
    with openai.OpenAI(
        base_url=f"{stack.url}/v1", api_key=key, max_retries=0, _strict_response_validation=True
    ) as client:
        yield client


def nothing_more(told: Any) -> None:
    """No field that OpenAI's types do not have, at any depth."""
    if isinstance(told, BaseModel):
        assert set(told.model_extra or ()) <= BEYOND, told
        for value in dict(told).values():
            nothing_more(value)
    elif isinstance(told, list):
        for each in told:
            nothing_more(each)


def jobs(person: Person, kind: str = "transcriptions") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = person.get(f"/v1/{kind}").json()["data"]
    return found


def test_one_recording_in_every_format(sdk: openai.OpenAI, person: Person) -> None:
    """PEERS 4.1: words, segments, speakers and captions of one model at one address."""

    def hear(model: str = "whisper-1", **options: Any) -> Any:
        answer = sdk.audio.transcriptions.create(file=("talk.wav", TALK), model=model, language="en", **options)
        nothing_more(answer)
        return answer

    plain = hear()
    assert plain.text
    assert (plain.usage.type, plain.usage.seconds) == ("duration", 6)
    assert hear(response_format="text") == plain.text + "\n"
    verbose = hear(response_format="verbose_json", timestamp_granularities=["word", "segment"])
    assert (verbose.text, verbose.language, verbose.task) == (plain.text, "english", "transcribe")
    assert 5 < verbose.duration < 8
    spoken = verbose.text.split()
    assert [w.word for w in verbose.words] == spoken
    assert " ".join(s.text.strip() for s in verbose.segments) == verbose.text
    assert all(s.start < s.end <= verbose.duration + 0.1 for s in verbose.segments)
    words = hear(response_format="verbose_json", timestamp_granularities=["word"])
    assert (words.segments, len(words.words)) == (None, len(spoken))
    assert hear(response_format="verbose_json").words is None
    cues = list(srt.parse(hear(response_format="srt")))
    assert " ".join(c.content for c in cues) == plain.text
    captions = webvtt.from_buffer(io.StringIO(hear(response_format="vtt")))
    assert [c.text for c in captions] == [c.content for c in cues]
    told = hear("gpt-4o-transcribe-diarize", response_format="diarized_json", chunking_strategy="auto")
    assert (told.text, told.task, told.usage.type) == (plain.text, "transcribe", "duration")
    assert {s.speaker for s in told.segments} == {"A"}
    assert hear("gpt-4o-transcribe").text == plain.text
    # One for the formats, and one that was to tell speakers apart.
    assert len(jobs(person)) == 2


def test_the_types_of_what_is_no_json(sdk: openai.OpenAI) -> None:
    for wanted, kind in (("text", "text/plain"), ("srt", "text/plain"), ("vtt", "text/vtt")):
        options: Any = {"response_format": wanted}
        raw = sdk.audio.transcriptions.with_raw_response.create(file=("a.wav", TALK), model="whisper-1", **options)
        assert raw.headers["content-type"] == f"{kind}; charset=utf-8"
        assert raw.headers["content-location"].startswith("/v1/transcriptions/job_")


def test_a_transcript_piece_by_piece(sdk: openai.OpenAI) -> None:
    """All deltas together are the text; whisper-1 does not stream, as OpenAI's does not."""
    with_stream: Any = {"file": ("talk.wav", TALK), "stream": True}
    events = list(sdk.audio.transcriptions.create(model="gpt-4o-transcribe", **with_stream))
    for event in events:
        nothing_more(event)
    assert {e.type for e in events[:-1]} == {"transcript.text.delta"}
    done: Any = events[-1]
    assert done.type == "transcript.text.done"
    assert "".join(e.delta for e in events[:-1]) == done.text != ""
    diarized = {"model": "gpt-4o-transcribe-diarize", "response_format": "diarized_json"}
    events = list(sdk.audio.transcriptions.create(**diarized, **with_stream))
    kinds = [e.type.rpartition(".")[2] for e in events]
    assert kinds == ["delta", "segment"] * (len(kinds) // 2) + ["done"]
    assert [e.segment_id for e in events if e.type.endswith("delta")] == [
        e.id for e in events if e.type.endswith("segment")
    ]
    raw = sdk.audio.transcriptions.with_raw_response.create(model="whisper-1", **with_stream)
    assert raw.headers["content-type"] == "application/json"


def test_a_translation(sdk: openai.OpenAI) -> None:
    """The small engine of a laptop cannot translate, and its job says so; the shapes are those of any engine."""
    with pytest.warns(DeprecationWarning, match="deprecated"):
        plain = sdk.audio.translations.create(file=("talk.wav", TALK), model="whisper-1")
    assert plain.text
    nothing_more(plain)
    with pytest.warns(DeprecationWarning, match="deprecated"):
        verbose: Any = sdk.audio.translations.create(
            file=("talk.wav", TALK), model="whisper-1", response_format="verbose_json"
        )
    assert (verbose.text, verbose.language, verbose.task) == (plain.text, "english", "translate")
    nothing_more(verbose)


def test_an_upload_in_the_place_of_the_file(person: Person) -> None:
    wanted = {"filename": "talk.wav", "content_type": "audio/wav", "size": len(TALK), "purpose": "transcription"}
    made = person.post("/v1/uploads", wanted).json()
    assert upload(made, TALK).status_code == 204

    def heard() -> httpx.Response:
        form = {"model": "whisper-1", "media_id": made["id"], "response_format": "text"}
        return person.call("POST", "/v1/audio/transcriptions", data=form)

    while (answer := heard()).status_code == 409:
        assert answer.json()["error"]["code"] == "media_not_ready"
        time.sleep(0.2)
    assert answer.status_code == 200
    assert "river" in answer.text


def test_who_leaves_loses_nothing(stack: LocalStack, person: Person, key: str) -> None:
    """PEERS 4.2: the client is killed while it waits; the job is done once, and its result is there."""
    request = httpx.Request(
        "POST",
        f"{stack.url}/v1/audio/transcriptions",
        headers={"Authorization": f"Bearer {key}"},
        data={"model": "whisper-1"},
        files={"file": ("talk.wav", spoken_wav(6))},
    )
    at = urlsplit(stack.url)
    head = f"POST {request.url.raw_path.decode()} HTTP/1.1\r\n" + "".join(
        f"{k}: {v}\r\n" for k, v in request.headers.items()
    )
    with socket.create_connection((at.hostname, at.port)) as connection:
        connection.sendall(head.encode() + b"\r\n" + request.read())
        while not (found := jobs(person)):
            pass
    (job,) = found
    ended = person.ended(job)
    assert (ended["status"], ended["attempts"]) == ("succeeded", 1)
    assert person.segments(job)
    assert len(jobs(person)) == 1


class Losing(httpx2.HTTPTransport):
    """A way on which the first two answers are lost, after what was asked had been done."""

    lost = 0

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        answer = super().handle_request(request)
        if self.lost < 2:
            answer.read()
            answer.close()
            self.lost += 1
            raise httpx2.ReadError("lost", request=request)
        return answer


def test_what_the_client_repeats_by_itself_is_one_job(stack: LocalStack, person: Person, key: str) -> None:
    """PEERS 4.3: the SDK sends no key with its repeats; the engine hears the recording once, and speaks the text once."""
    client = openai.DefaultHttpxClient(transport=Losing())
    with openai.OpenAI(base_url=f"{stack.url}/v1", api_key=key, max_retries=2, http_client=client) as sdk:
        told = sdk.audio.transcriptions.create(file=("talk.wav", TALK), model="whisper-1")
        again = sdk.audio.transcriptions.create(file=("talk.wav", TALK), model="gpt-4o-transcribe")
    assert again.text == told.text != ""
    (job,) = jobs(person)
    assert job["attempts"] == 1
    client = openai.DefaultHttpxClient(transport=Losing())
    with openai.OpenAI(base_url=f"{stack.url}/v1", api_key=key, max_retries=2, http_client=client) as sdk:
        assert sdk.audio.speech.create(input="Hello.", model="tts-1", voice="nova").content
    assert len(jobs(person, "speech")) == 1


def test_who_does_not_wait_is_told_where_it_will_be(sdk: openai.OpenAI, person: Person) -> None:
    no_wait = {"extra_headers": {"Prefer": "respond-async", "Idempotency-Key": "one"}}
    raw: Any = sdk.audio.transcriptions.with_raw_response
    first, again = (raw.create(file=("talk.wav", TALK), model="whisper-1", **no_wait) for _ in range(2))
    assert (first.status_code, first.headers["preference-applied"]) == (202, "respond-async")
    assert first.headers["location"] == again.headers["location"]
    (job,) = jobs(person)
    assert first.headers["location"] == f"/v1/transcriptions/{job['id']}"
    assert person.ended(job)["status"] == "succeeded"
    with pytest.raises(openai.ConflictError) as other:
        raw.create(file=("talk.wav", TALK), model="whisper-1", prompt="Another.", **no_wait)
    assert other.value.code == "idempotency_mismatch"
    spoken: Any = sdk.audio.speech.with_raw_response.create(input="Hello.", model="tts-1", voice="nova", **no_wait)
    assert spoken.headers["location"].startswith("/v1/speech/job_")


def decoded(audio: bytes) -> tuple[int, float]:
    """Sample rate and seconds."""
    with av.open(io.BytesIO(audio)) as container:
        samples = sum(frame.samples for frame in container.decode(audio=0))
        rate = container.streams.audio[0].rate
    return rate, samples / rate


def test_speech_in_every_format(sdk: openai.OpenAI) -> None:
    kinds = {"mp3": "audio/mpeg", "opus": "audio/ogg", "aac": "audio/aac", "flac": "audio/flac", "wav": "audio/wav"}
    lengths = {}
    for wanted, kind in kinds.items():
        options: Any = {"response_format": wanted}
        answer = sdk.audio.speech.create(model="tts-1", voice="alloy", input=SAID, **options)
        assert answer.response.headers["content-type"] == kind
        # What has no length of its own leaves before anybody knows how long it will be.
        assert ("content-length" in answer.response.headers) == (wanted == "wav")
        rate, lengths[wanted] = decoded(answer.content)
        assert rate == 48_000 or wanted != "opus"
    with wave.open(
        io.BytesIO(sdk.audio.speech.create(model="tts-1", voice="alloy", input=SAID, response_format="wav").content)
    ) as file:
        exact = file.getnframes() / file.getframerate()
        assert len(file.readframes(file.getnframes())) == 2 * file.getnframes()
    assert all(abs(seconds - exact) < 0.15 for seconds in lengths.values()), lengths
    plain = sdk.audio.speech.create(model="tts-1", voice="alloy", input=SAID, response_format="pcm").content
    assert abs(len(plain) / 2 / 24_000 - exact) < 0.01


def test_speech_as_events(stack: LocalStack, key: str) -> None:
    body = {"model": "gpt-4o-mini-tts", "voice": {"id": "shimmer"}, "input": SAID, "stream_format": "sse"}
    answer = httpx.post(
        f"{stack.url}/v1/audio/speech",
        json={**body, "instructions": "Be calm."},
        headers={"Authorization": f"Bearer {key}"},
        timeout=60,
        trust_env=False,
    )
    assert answer.headers["content-type"].startswith("text/event-stream")
    events = [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: ")]
    assert {e["type"] for e in events[:-1]} == {"speech.audio.delta"}
    assert events[-1]["type"] == "speech.audio.done"
    assert set(events[-1]["usage"]) == {"input_tokens", "output_tokens", "total_tokens"}
    audio = b"".join(base64.b64decode(e["audio"]) for e in events[:-1])
    assert decoded(audio)[1] > 3


def test_what_is_wrong_is_said_as_openai_says_it(stack: LocalStack, sdk: openai.OpenAI) -> None:
    def refused(status: int, code: str, param: str | None = None, **options: Any) -> openai.APIStatusError:
        with pytest.raises(openai.APIStatusError) as error:
            sdk.audio.transcriptions.create(**{"file": ("a.wav", TALK), "model": "whisper-1", **options})
        assert (error.value.status_code, error.value.code, error.value.param) == (status, code, param)
        return error.value

    refused(404, "model_not_found", "model", model="whisper-9")
    refused(400, "invalid_value", "timestamp_granularities", timestamp_granularities=["word"])
    refused(400, "invalid_value", "response_format", response_format="docx")
    refused(400, "unsupported_value", "include", model="gpt-4o-transcribe", include=["logprobs"])
    refused(400, "decimal_above_max_value", "temperature", temperature=3)
    refused(400, "unsupported_media", "file", file=("a.wav", b"This is a letter to you."))
    refused(400, "unsupported_language", "language", language="de")
    refused(400, "unknown_parameter", "beams", extra_body={"beams": 5})
    for size in (5_000_000, 11_000_000):
        large = refused(413, ("upload_too_large", "too_large")[size > 10_000_000], None, file=("a.wav", b"\0" * size))
        assert "/v1/uploads" in large.message
    with pytest.raises(openai.BadRequestError) as long:
        sdk.audio.speech.create(model="tts-1", voice="alloy", input="a" * 5000)
    assert (long.value.code, long.value.param) == ("string_above_max_length", "input")
    assert "maximum length 4096" in long.value.message
    for options in ({"voice": "nobody"}, {"voice": "alloy", "stream_format": "sse"}):
        with pytest.raises(openai.BadRequestError):
            sdk.audio.speech.create(**{"model": "tts-1", "input": "Hello.", **options})
    nobody = sdk.with_options(api_key="wrong")
    with pytest.raises(openai.AuthenticationError) as unknown:
        nobody.audio.transcriptions.create(file=("a.wav", TALK), model="whisper-1")
    assert unknown.value.code == "invalid_api_key"


def test_voices_are_listed_with_openais_names_first(person: Person) -> None:
    told = person.get("/v1/audio/voices").json()
    assert [v["id"] for v in told["voices"][:3]] == ["alloy", "ash", "ballad"]
    assert {v["id"] for v in person.get("/v1/voices").json()["data"]} < {v["id"] for v in told["data"]}


def test_the_readme_says_what_works(stack: LocalStack, key: str, tmp_path: Path) -> None:
    (code,) = re.findall(r"change only `base_url`.*?```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    (tmp_path / "talk.wav").write_bytes(TALK)
    code = code.replace("http://127.0.0.1:8000", stack.url).replace("ap_live_…", key)
    found: dict[str, Any] = {}
    exec(
        compile(re.sub(r'"(talk\.\w+|answer\.\w+)"', lambda m: repr(str(tmp_path / m[1])), code), "README.md", "exec"),
        found,
    )
    assert decoded((tmp_path / "answer.mp3").read_bytes())[1] > 0.5

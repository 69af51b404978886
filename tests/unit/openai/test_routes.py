"""The function of the audio routes over fakes: a worker does one step of the job in each pause of those who wait for it."""

from __future__ import annotations

import asyncio
import io
import json
import sys
import wave
from collections.abc import Callable, Iterator, Mapping
from types import SimpleNamespace
from typing import Any

import av
import httpx
import numpy as np
import pytest
from aws_lambda_powertools import Logger

from antiphon.engines.ports import Segment
from antiphon.platform.behind_gateway import FromGateway
from antiphon.platform.idempotency import Idempotency
from antiphon.speech import model
from antiphon.speech.follow import Follow
from antiphon.speech.hand_in import HandIn
from antiphon.speech.listen import Listen
from antiphon.speech.model import Checkpoint, Failure, Job, Kind
from antiphon.speech.ports import Chunk, Mark
from antiphon.speech.synthesize import wav_of
from tests.integration.webhooks.functions import loaded
from tests.unit.platform.gates import make_gate
from tests.unit.platform.test_web_frame import Nowhere
from tests.unit.speech.conftest import ANNA, RESULTS, UPLOADS, Desk, wav

RATE = 22_050
SECOND = (np.sin(np.arange(RATE) * 2 * np.pi * 220 / RATE) * 8000).astype(np.int16)


@pytest.fixture
def desk(clock: Any) -> Desk:
    return Desk(clock)


class Audio:
    """The function, its client, and the worker that has its jobs. steps: what it does, one in each pause."""

    def __init__(self, desk: Desk, build: Callable[[Any], Any], name: str) -> None:
        self.desk, self.steps = desk, ["claim", "do", "do", "finish"]
        self.failure = Failure("engine_failed", "It broke.")
        common = {"jobs": desk.jobs, "objects": desk.objects, "clock": desk.clock}
        wiring = SimpleNamespace(
            settings=SimpleNamespace(transcriber="pocketsphinx", synthesizer="espeak", results_bucket=RESULTS),
            logger=Logger(service=name, stream=io.StringIO()),
            gate=make_gate(),
            idempotency=Idempotency(Nowhere(), desk.clock),
            submit=desk.submit,
            hand_in=HandIn(submit=desk.submit, uploads_bucket=UPLOADS, **common),
            jobs=desk.jobs,
            objects=desk.objects,
            follow=Follow(desk.jobs, self._work),
            listen=Listen(results_bucket=RESULTS, pause=lambda seconds: None, **common),
        )
        self.app = FromGateway(build(wiring))

    def post(self, path: str, **sent: Any) -> httpx.Response:
        context = {
            "resourcePath": path,
            "httpMethod": "POST",
            "identity": {"sourceIp": "192.0.2.1"},
            "authorizer": {"user_id": ANNA.user_id, "tier": "free", "role": "user", "scopes": ""},
        }
        headers = {"x-amzn-request-context": json.dumps(context), **sent.pop("headers", {})}

        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://audio") as client:
                return await client.post(path, headers=headers, **sent)

        return asyncio.run(ask())

    def speak(self, **options: Any) -> httpx.Response:
        body = {"model": "gpt-4o-mini-tts", "voice": "alloy", "input": "One. Two.", **options}
        return self.post("/v1/audio/speech", json=body)

    def transcribe(self, headers: Mapping[str, str] | None = None, **fields: Any) -> httpx.Response:
        form = {"model": "whisper-1", **fields}
        files = {"file": ("talk.wav", wav())}
        return self.post("/v1/audio/transcriptions", data=form, files=files, headers=headers or {})

    @property
    def job(self) -> Job:
        (job,) = self.desk.jobs._jobs.values()
        return job

    async def _work(self, seconds: float) -> None:
        await asyncio.sleep(0)
        if not self.steps:
            return
        step, job, jobs = self.steps.pop(0), self.job, self.desk.jobs
        lease: dict[str, Any] = {"owner": "w", "now": self.desk.clock()}
        if step == "claim":
            jobs.apply(model.claim(job, message_id="m", lease=model.SWEEP_AFTER, **lease))
        elif step == "do" and job.kind is Kind.SPEECH:
            index = job.checkpoint.count
            key = f"parts/{job.id}/{index}"
            self.desk.objects.put(RESULTS, key, wav_of(SECOND.tobytes(), RATE), content_type="audio/wav")
            done = Checkpoint(index + 1.0, index + 1)
            mark = Mark(index, "One.", index, index + 1.0, (), key)
            jobs.apply(model.advance(job, lease=model.SWEEP_AFTER, checkpoint=done, **lease), mark=mark)
        elif step == "do":
            first = job.checkpoint.count
            done = Checkpoint(first + 1.0, first + 1)
            chunk = Chunk(first, (Segment(first, first + 1.0, f"Said {first}."),))
            jobs.apply(model.advance(job, lease=model.SWEEP_AFTER, checkpoint=done, **lease), chunk=chunk)
        elif step == "copy":
            mark = Mark(0, "One. Two.", 0.0, 2.0, (), None)
            jobs.apply(model.advance(job, lease=model.SWEEP_AFTER, checkpoint=Checkpoint(2.0, 1), **lease), mark=mark)
        elif step == "fail":
            jobs.apply(model.fail(job, self.failure, self.desk.clock(), owner="w"))
        elif step == "finish":
            key = f"speech/{job.id}"
            whole = wav_of(np.tile(SECOND, 2).tobytes(), RATE)
            self.desk.objects.put(RESULTS, key, whole, content_type="audio/wav")
            jobs.apply(model.finish(job, duration=2.0, language="en", result={"key": key}, **lease))


@pytest.fixture
def audio(desk: Desk, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[Audio]:
    with loaded("audio") as handler:
        yield Audio(desk, handler.build, request.node.nodeid)


def seconds_of(sound: bytes) -> float:
    with av.open(io.BytesIO(sound)) as source:
        return sum(frame.samples for frame in source.decode(audio=0)) / source.streams.audio[0].rate


@pytest.mark.parametrize("format", ["mp3", "opus", "aac", "flac"])
def test_speech_is_the_sentences_one_after_the_other(audio: Audio, format: str) -> None:
    answer = audio.speak(response_format=format)
    assert answer.status_code == 200
    assert "content-length" not in answer.headers
    assert seconds_of(answer.content) == pytest.approx(2, abs=0.1)
    assert answer.headers["content-location"] == f"/v1/speech/{audio.job.id}"


@pytest.mark.parametrize("steps", [["claim", "do", "do", "finish"], ["claim", "copy", "finish"]])
def test_samples_without_a_head_are_at_24_khz(audio: Audio, steps: list[str]) -> None:
    """Also those of a job whose sentences are another's."""
    audio.steps = steps
    answer = audio.speak(response_format="pcm")
    assert len(answer.content) / 2 == pytest.approx(48_000, abs=4)
    assert audio.job.options["format"] == "wav"


def test_a_wav_says_how_long_it_is(audio: Audio) -> None:
    answer = audio.speak(response_format="wav")
    with wave.open(io.BytesIO(answer.content)) as file:
        assert file.getnframes() == 2 * RATE
    assert int(answer.headers["content-length"]) == len(answer.content)


def test_speech_that_fails_before_its_first_sentence_has_a_status(audio: Audio) -> None:
    audio.steps = ["claim", "fail"]
    answer = audio.speak()
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "engine_failed")
    assert answer.headers["x-should-retry"] == "false"


@pytest.mark.parametrize(("code", "param"), [("undecodable_media", "file"), ("unsupported_language", "language")])
def test_what_the_caller_sent_wrong_is_named_also_after_the_job(audio: Audio, code: str, param: str) -> None:
    audio.steps, audio.failure = ["claim", "fail"], Failure(code, "It is wrong.")
    answer = audio.transcribe()
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)
    assert answer.json()["error"]["param"] == param


def test_speech_that_fails_later_is_cut_off(audio: Audio) -> None:
    audio.steps = ["claim", "do", "fail"]
    with pytest.raises(RuntimeError, match="already started"):
        audio.speak()


def test_json_is_kept_alive_by_white_space_once_it_takes_long(audio: Audio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["recording_routes"], "QUIET", 0)
    answer = audio.transcribe()
    assert answer.text.startswith(" ")
    assert answer.json()["text"] == "Said 0. Said 1."


@pytest.mark.parametrize(("limit", "headers"), [("PATIENCE", {}), ("EDGE_PATIENCE", {"x-antiphon-edge": "mark"})])
def test_captions_cannot_be_kept_alive_and_say_where_they_will_be(
    audio: Audio, monkeypatch: pytest.MonkeyPatch, limit: str, headers: dict[str, str]
) -> None:
    """The sooner where CloudFront stands before the gateway."""
    monkeypatch.setattr(sys.modules["started"], limit, 0)
    answer = audio.transcribe(headers, response_format="srt")
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "still_running")
    assert (answer.headers["location"], answer.headers["retry-after"]) == (f"/v1/transcriptions/{audio.job.id}", "1")


def test_events_that_fail_say_so_as_an_event(audio: Audio) -> None:
    audio.steps = ["claim", "do", "fail"]
    answer = audio.transcribe(model="gpt-4o-transcribe", stream="true")
    events = [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: ")]
    assert [e.get("delta") for e in events[:-1]] == ["Said 0."]
    assert events[-1]["error"]["code"] == "engine_failed"


def test_a_form_that_is_too_large_is_refused_before_it_is_read(audio: Audio) -> None:
    answer = audio.post(
        "/v1/audio/transcriptions", data={"model": "whisper-1"}, files={"file": ("a.wav", b"\0" * 4_600_000)}
    )
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "upload_too_large")
    assert "/v1/uploads" in answer.json()["error"]["message"]
    assert not audio.desk.events


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ({"json": {"model": "whisper-1"}}, "bad_form"),
        ({"content": b"--x\r\n", "headers": {"Content-Type": "multipart/form-data; boundary=y"}}, "bad_form"),
        ({"data": {"model": "whisper-1"}}, "missing_required_parameter"),
        ({"data": {"model": "whisper-1"}, "files": {"sound": ("a.wav", wav())}}, "unknown_parameter"),
        ({"data": {"model": "whisper-1", "file": "text"}}, "invalid_type"),
    ],
)
def test_what_is_no_good_form_is_refused(audio: Audio, sent: dict[str, Any], code: str) -> None:
    answer = audio.post("/v1/audio/transcriptions", **sent)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, code), answer.text

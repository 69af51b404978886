"""How the voices sound, without a job."""

from __future__ import annotations

import io
import time

import av
import httpx

from infra.local.person import Person
from tests.e2e.test_admin import shaped


def test_every_voice_is_heard_once_the_worker_has_made_its_sample(http: httpx.Client, person: Person) -> None:
    deadline = time.monotonic() + 60
    while True:
        voices = person.get("/v1/voices").json()["data"]
        if all(voice["sample_url"] for voice in voices):
            break
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert len(voices) > 20
    for voice in voices[:2]:
        told = shaped(http, "/v1/voices/{id}/sample", person.get(voice["sample_url"]))
        assert (told["voice"], told["engine"], told["language"]) == (voice["id"], "espeak", voice["language"])
        answer = httpx.get(told["audio_url"], trust_env=False)
        assert answer.headers["Content-Type"] == "audio/mpeg"
        with av.open(io.BytesIO(answer.content)) as file:
            assert 0.5 < sum(frame.samples / frame.sample_rate for frame in file.decode(audio=0)) < 10
    unknown = person.get("/v1/voices/nobody/sample")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "unknown_voice")

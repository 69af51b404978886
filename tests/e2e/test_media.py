"""Media: uploaded, looked at, edited by operations and by plain words, downloaded, removed."""

from __future__ import annotations

import io
import time
import wave
from typing import Any

import httpx
import numpy as np
import pytest
from standardwebhooks import Webhook

from infra.local.person import Person, upload
from infra.local.receiver import Receiver
from infra.local.stack import LocalStack

RATE = 16_000
WAIT = 60.0


def wav(seconds: float, *, channels: int = 1, level: float = 0.25) -> bytes:
    """A tone of 440 Hz that grows louder, so that no two parts of it are the same."""
    count = round(seconds * RATE)
    tone = np.sin(2 * np.pi * 440 * np.arange(count) / RATE) * np.linspace(0.2, 1, count) * level * 32767
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(channels)
        out.setsampwidth(2)
        out.setframerate(RATE)
        out.writeframes(np.repeat(tone.astype("<i2")[:, None], channels, axis=1).tobytes())
    return file.getvalue()


def samples_of(data: bytes) -> np.ndarray:
    with wave.open(io.BytesIO(data)) as file:
        return np.frombuffer(file.readframes(file.getnframes()), "<i2")


def until(person: Person, path: str, *states: str) -> dict[str, Any]:
    deadline = time.monotonic() + WAIT
    while True:
        found: dict[str, Any] = person.get(path).json()
        if found.get("status") in states:
            return found
        assert time.monotonic() < deadline, found
        time.sleep(0.1)


def media(person: Person, data: bytes, filename: str = "talk.wav") -> dict[str, Any]:
    made = person.post(
        "/v1/uploads", {"filename": filename, "content_type": "audio/wav", "size": len(data), "purpose": "media"}
    )
    assert made.status_code == 201, made.text
    assert upload(made.json(), data).status_code == 204
    return until(person, f"/v1/media/{made.json()['id']}", "ready", "rejected")


def edited(person: Person, item: dict[str, Any], *operations: dict[str, Any]) -> dict[str, Any]:
    asked = person.post(f"/v1/media/{item['id']}/edits", {"operations": list(operations)})
    assert asked.status_code == 202, asked.text
    return until(person, asked.headers["Location"], "succeeded", "failed")


def downloaded(item: dict[str, Any]) -> bytes:
    answer = httpx.get(item["url"], trust_env=False)
    assert answer.status_code == 200, answer.text
    return answer.content


def test_a_recording_is_looked_at_and_edited_and_the_old_one_stays(person: Person, receiver: Receiver) -> None:
    hook = person.post("/v1/webhooks", {"url": receiver.url + "/hook", "events": ["media.*"]}).json()
    data = wav(3)
    item = media(person, data)
    assert item["status"] == "ready", item
    facts = item["facts"]
    assert (facts["container"], facts["codec"], facts["sample_rate"], facts["channels"]) == (
        "wav",
        "pcm_s16le",
        RATE,
        1,
    )
    assert facts["duration"] == pytest.approx(3, abs=0.001)
    assert -30 < facts["loudness"]["lufs"] < -10
    assert facts["loudness"]["true_peak"] == pytest.approx(-12, abs=0.3)
    assert len(item["waveform"]) == 800
    assert item["waveform"][-2][1] == pytest.approx(0.25, abs=0.02)

    job = edited(person, item, {"op": "trim", "start": 1}, {"op": "reverse"})
    assert job["status"] == "succeeded", job
    assert (job["kind"], job["engine"], job["duration"], job["media_id"]) == ("edit", "ffmpeg", 2.0, item["id"])
    made = person.get(job["links"]["media"]).json()
    assert (made["id"], made["parent_id"], made["status"]) == (job["result_media_id"], item["id"], "ready")
    assert (samples_of(downloaded(made)) == samples_of(data)[RATE:][::-1]).all()
    assert (samples_of(downloaded(person.get(f"/v1/media/{item['id']}").json())) == samples_of(data)).all()
    payload = Webhook(hook["secret"]).verify((got := receiver.wait_for("media.edited")).body, got.headers)
    assert payload["data"]["links"] == {"self": f"/v1/edits/{job['id']}", "media": f"/v1/media/{made['id']}"}

    both = edited(person, made, {"op": "concat", "media_ids": [item["id"]]}, {"op": "convert", "format": "mp3"})
    last = person.get(both["links"]["media"]).json()
    assert (last["facts"]["codec"].startswith("mp3"), last["content_type"]) == (True, "audio/mpeg")
    assert last["facts"]["duration"] == pytest.approx(5, abs=0.1)
    versions = person.get(f"/v1/media/{item['id']}/edits").json()["data"]
    assert [each["id"] for each in versions] == [made["id"]]
    assert [each["id"] for each in person.get("/v1/media").json()["data"]] == [last["id"], made["id"], item["id"]]
    assert [each["id"] for each in person.get("/v1/edits").json()["data"]] == [both["id"], job["id"]]


def test_a_command_in_words_says_what_it_understood_and_is_done_when_confirmed(person: Person) -> None:
    item = media(person, wav(3))
    path = f"/v1/media/{item['id']}/commands"
    wanted = {"text": "Drop the first second and normalise, then fade out over half a second"}
    understood = person.post(path, wanted)
    assert understood.status_code == 200, understood.text
    assert understood.json() == {
        "operations": [
            {"op": "trim", "start": 1.0},
            {"op": "normalize", "lufs": -16.0, "true_peak": -1.5},
            {"op": "fade", "in": 0.0, "out": 0.5},
        ],
        "understood": [
            "Trim to 0:01–end",
            "Normalize to -16 LUFS with a true peak of -1.5 dB",
            "Fade out over 0.5 s",
        ],
        "duration": 2.0,
        "job": None,
    }
    assert person.get("/v1/edits").json()["data"] == []
    hebrew = person.post(path, {"text": "תוריד את השנייה הראשונה ותהפוך"}).json()
    assert hebrew["understood"] == ["Trim to 0:01–end", "Reverse"]

    confirmed = person.post(path, {**wanted, "confirm": True})
    assert confirmed.status_code == 202, confirmed.text
    job = until(person, confirmed.headers["Location"], "succeeded", "failed")
    assert job["status"] == "succeeded", job
    made = person.get(job["links"]["media"]).json()
    assert made["facts"]["duration"] == pytest.approx(2, abs=0.01)


def test_what_is_not_understood_and_what_cannot_be_done_is_said(person: Person) -> None:
    item = media(person, wav(1))
    refused = person.post(f"/v1/media/{item['id']}/commands", {"text": "normalise and paint it blue", "confirm": True})
    assert (refused.status_code, refused.json()["code"]) == (422, "command_not_understood")
    assert '"paint it blue"' in refused.json()["errors"][0]["detail"]
    beyond = person.post(
        f"/v1/media/{item['id']}/edits", {"operations": [{"op": "reverse"}, {"op": "trim", "start": 9}]}
    )
    assert (beyond.status_code, beyond.json()["code"]) == (422, "operation_out_of_range")
    assert beyond.json()["errors"][0] == {"field": "operations[1].start", "detail": "lies beyond the end (1.0 s)."}
    unknown = person.post(f"/v1/media/{item['id']}/edits", {"operations": [{"op": "explode"}]})
    assert unknown.status_code == 422
    assert person.get("/v1/edits").json()["data"] == []


def test_what_is_no_recording_is_rejected_and_cannot_be_edited(person: Person) -> None:
    noise = np.random.default_rng(1).bytes(20_000)
    item = media(person, noise)
    assert (item["status"], item["error"]["code"], item["url"]) == ("rejected", "unsupported_media", None)
    answer = person.post(f"/v1/media/{item['id']}/edits", {"operations": [{"op": "reverse"}]})
    assert (answer.status_code, answer.json()["code"]) == (409, "media_rejected")


def test_a_media_item_and_an_edit_are_removed_with_all_their_objects(
    http: httpx.Client, person: Person, stack: LocalStack
) -> None:
    item = media(person, wav(1))
    job = edited(person, item, {"op": "gain", "db": -6})
    made = job["result_media_id"]
    other = Person.register(http)
    assert other.get(f"/v1/media/{item['id']}").status_code == 404
    assert other.call("DELETE", f"/v1/media/{item['id']}").status_code == 404
    assert person.call("DELETE", f"/v1/edits/{job['id']}").json()["rows"] == 1
    assert person.get(f"/v1/edits/{job['id']}").status_code == 404
    assert person.get(f"/v1/media/{made}").json()["status"] == "ready"
    for each in (item["id"], made):
        receipt = person.call("DELETE", f"/v1/media/{each}").json()
        assert (receipt["rows"], receipt["objects"]) == (1, 1)
        assert person.get(f"/v1/media/{each}").status_code == 404
    assert person.get("/v1/me/usage").json()["storage_bytes"] == 0
    s3 = stack.client("s3")
    for bucket in ("UploadsBucket", "ResultsBucket"):
        found = s3.list_object_versions(Bucket=stack.outputs[bucket]).get("Versions", [])
        assert [each["Key"] for each in found if person.id in each["Key"]] == []

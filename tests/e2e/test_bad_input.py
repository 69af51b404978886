"""What users send that is no good: each ends in a state with a code and a sentence, nothing is lost, and the next job is done as ever."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler

import pytest

from infra.local.person import Person, upload
from infra.local.receiver import Receiver
from infra.local.recordings import spoken_wav
from infra.local.stack import LocalStack
from tests.e2e import samples


def ended_with(
    person: Person, body: bytes, filename: str = "x.wav", content_type: str = "audio/wav"
) -> tuple[str, str | None]:
    job = person.ended(person.transcribe(body, filename, content_type))
    if job["error"]:
        assert len(job["error"]["detail"]) > 15, "no sentence that a user understands"
        assert job["error"]["detail"].endswith(".")
    return job["status"], job["error"] and job["error"]["code"]


@pytest.mark.parametrize(
    ("name", "codes"),
    [
        ("random_bytes", {"unsupported_media"}),
        ("text_named_wav", {"unsupported_media"}),
        ("zip_named_mp3", {"unsupported_media"}),
        ("video_without_sound", {"no_audio"}),
        ("day_of_silence_flac", {"media_too_long"}),
        ("one_hertz_wav", {"media_out_of_bounds"}),
        ("truncated_mp4", {"unsupported_media", "undecodable_media"}),
    ],
)
def test_what_is_no_recording_fails_with_a_reason(person: Person, name: str, codes: set[str]) -> None:
    """U-10, U-13, U-20, U-21"""
    status, code = ended_with(person, getattr(samples, name)())
    assert status == "failed"
    assert code in codes


@pytest.mark.parametrize(
    "name",
    [
        "silent_wav",
        "ten_milliseconds_wav",
        "stereo_wav",
        "surround_wav",
        "wav_8k",
        "wav_96k",
        "video_with_sound",
        "truncated_wav",
        "claims_a_day",
    ],
)
def test_what_can_be_read_is_transcribed(person: Person, name: str) -> None:
    status, code = ended_with(person, getattr(samples, name)())
    assert (status, code) == ("succeeded", None)


@pytest.mark.timeout(600)
def test_three_hours_are_transcribed_to_the_end(person: Person) -> None:
    done = person.ended(person.transcribe(samples.three_hours_flac(), "long.flac", "audio/flac"), 500)
    assert done["status"] == "succeeded", done
    assert done["duration"] == pytest.approx(3 * 3600, abs=1)
    starts = [s["start"] for s in person.segments(done)]
    assert any(start > 2 * 3600 for start in starts)


def test_an_object_put_twice_is_one_job_done_once(person: Person, stack: LocalStack, receiver: Receiver) -> None:
    """Q-03"""
    person.post("/v1/webhooks", {"url": receiver.url, "events": ["transcription.succeeded"]})
    job = person.transcribe(spoken_wav(1))
    key = f"uploads/{person.id}/{job['id']}"
    stack.client("s3").put_object(Bucket=stack.outputs["UploadsBucket"], Key=key, Body=spoken_wav(1))
    assert person.ended(job)["attempts"] == 1
    receiver.wait_for("transcription.succeeded")
    done = person.ended(person.transcribe(spoken_wav(1)))
    receiver.wait(lambda got: any(g.json["data"]["id"] == done["id"] for g in got))
    assert len([g for g in receiver.got if g.json["data"]["id"] == job["id"]]) == 1


@pytest.mark.parametrize(
    "place",
    [
        "uploads/{other}/{job}",
        "uploads/{me}/job_01ARZ3NDEKTSV4RRFFQ69G5FAV",
        "inbox/usr_01ARZ3NDEKTSV4RRFFQ69G5FAV/a.wav",
        "uploads/x",
    ],
)
def test_an_object_that_belongs_nowhere_is_put_aside(person: Person, stack: LocalStack, place: str) -> None:
    """U-04"""
    waiting = person.post("/v1/transcriptions", {"filename": "a.wav", "content_type": "audio/wav", "size": 10}).json()
    key = place.format(me=person.id, other="usr_01BX5ZZKBKACTAV9WEVGEMMVRZ", job=waiting["id"])
    s3, bucket = stack.client("s3"), stack.outputs["UploadsBucket"]
    s3.put_object(Bucket=bucket, Key=key, Body=spoken_wav(1))
    deadline = time.monotonic() + 20
    while "Contents" in s3.list_objects_v2(Bucket=bucket, Prefix=key):
        assert time.monotonic() < deadline, "it still lies there"
        time.sleep(0.05)
    assert person.job(waiting)["status"] == "awaiting_upload"
    kept = [
        s3.list_objects_v2(Bucket=bucket, Prefix=f"rejected/{owner}/")["KeyCount"] for owner in (person.id, "stray")
    ]
    assert sum(kept) >= 1


def test_an_object_for_a_deleted_job_makes_nothing(person: Person, stack: LocalStack) -> None:
    job = person.post(
        "/v1/transcriptions", {"filename": "a.wav", "content_type": "audio/wav", "size": 100_000_000}
    ).json()
    person.delete(f"/v1/transcriptions/{job['id']}")
    assert upload(job["upload"], spoken_wav(1)).status_code == 204
    assert person.ended(person.transcribe(spoken_wav(1)))["status"] == "succeeded"
    assert len(person.get("/v1/transcriptions").json()["data"]) == 1


def _status(code: int, location: str | None = None) -> Callable[[BaseHTTPRequestHandler], None]:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(code)
        if location:
            handler.send_header("Location", location)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return answer


def _endless(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", str(10**9))
    handler.end_headers()
    try:
        for _ in range(16_384):
            handler.wfile.write(b"x" * 65_536)
    except OSError:
        return


@pytest.mark.parametrize(
    ("name", "answer", "outcome"),
    [
        ("redirect", _status(302, "http://127.0.0.1:1/elsewhere"), 302),
        ("error", _status(500), 500),
        ("gone", _status(410), 410),
    ],
)
def test_a_bad_receiver_is_logged_and_hurts_nobody_else(
    person: Person, name: str, answer: Callable[[BaseHTTPRequestHandler], None], outcome: int
) -> None:
    """W-10"""
    with Receiver(answer) as bad, Receiver() as good:
        hook = person.post("/v1/webhooks", {"url": bad.url, "events": ["speech.succeeded"]}).json()
        person.post("/v1/webhooks", {"url": good.url, "events": ["speech.succeeded"]})
        person.ended(person.speak("Hello."))
        good.wait_for("speech.succeeded")
        bad.wait_for("speech.succeeded")
        log = _log(person, hook["id"])
        assert log["attempts"][0]["status_code"] == outcome
        if name == "gone":
            assert person.get(f"/v1/webhooks/{hook['id']}").json()["active"] is False


@pytest.mark.parametrize("name", ["hangs", "gigabyte"])
def test_a_receiver_that_keeps_us_busy_is_cut_off(person: Person, name: str) -> None:
    """W-14, W-15"""
    released = threading.Event()

    def hang(handler: BaseHTTPRequestHandler) -> None:
        released.wait(60)

    with Receiver(hang if name == "hangs" else _endless) as bad, Receiver() as good:
        hook = person.post("/v1/webhooks", {"url": bad.url, "events": ["speech.succeeded"]}).json()
        person.post("/v1/webhooks", {"url": good.url, "events": ["speech.succeeded"]})
        person.ended(person.speak("Hello."))
        good.wait_for("speech.succeeded", 10)
        attempt = _log(person, hook["id"], 40)["attempts"][0]
        released.set()
        if name == "hangs":
            assert attempt["error"] == "timeout"
            assert attempt["duration_ms"] < 17_000
        else:
            assert len(attempt["answer"] or "") <= 1024


def _log(person: Person, hook: str, seconds: float = 20) -> dict:  # type: ignore[type-arg]
    deadline = time.monotonic() + seconds
    while True:
        found = person.get(f"/v1/webhooks/{hook}/deliveries").json()["data"]
        if found and found[0]["attempts"]:
            return dict(found[0])
        assert time.monotonic() < deadline, found
        time.sleep(0.1)

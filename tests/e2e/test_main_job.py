"""Drop audio in, get a transcript, speech and a signed callback out."""

from __future__ import annotations

import itertools
from typing import Any

import httpx
import pytest
from standardwebhooks import Webhook

from infra.local.person import Person, upload
from infra.local.receiver import Receiver
from infra.local.recordings import spoken_wav
from infra.local.stack import LocalStack


def listen(person: Person, receiver: Receiver, *events: str) -> Webhook:
    answer = person.post("/v1/webhooks", {"url": receiver.url + "/hook", "events": list(events)})
    assert answer.status_code == 201, answer.text
    return Webhook(answer.json()["secret"])


def test_a_recording_becomes_a_transcript_and_a_signed_callback(person: Person, receiver: Receiver) -> None:
    """W-03, W-04"""
    signed = listen(person, receiver, "transcription.*")
    job = person.transcribe(spoken_wav(3), metadata={"order": "é7"})
    done = person.ended(job)
    assert done["status"] == "succeeded", done
    assert done["engine"].startswith("pocketsphinx")
    assert done["progress"] == 100
    assert done["attempts"] == 1
    assert {"queued_ms", "download_ms", "decode_ms", "transcribe_ms"} <= set(done["timings"])
    got = receiver.wait_for("transcription.succeeded")
    payload = signed.verify(got.body, got.headers)
    assert payload["data"]["id"] == job["id"]
    assert payload["data"]["metadata"] == {"order": "é7"}
    assert payload["data"]["links"]["transcript"].endswith("/transcript")
    sequences = [g.json["data"]["sequence"] for g in receiver.got]
    assert len(set(sequences)) == len(sequences)

    segments = person.segments(job)
    assert [s["index"] for s in segments] == list(range(len(segments)))
    assert segments
    words = [w for s in segments for w in s["words"]]
    assert all(a["start"] <= b["start"] for a, b in itertools.pairwise(words))
    assert all(0 <= w["start"] < w["end"] <= done["duration"] + 0.1 for w in words)
    for kind, start in (
        ("json", "{"),
        ("txt", ""),
        ("srt", "1\n"),
        ("vtt", "WEBVTT"),
        ("tsv", "start\tend"),
        ("aud", ""),
        ("md", ""),
    ):
        answer = person.get(f"/v1/transcriptions/{job['id']}/transcript", params={"format": kind})
        assert answer.status_code == 200, kind
        assert answer.text.startswith(start), kind
        assert len(answer.text) > 20, kind

    changed = person.call(
        "PATCH",
        f"/v1/transcriptions/{job['id']}",
        json={"title": "Call", "speakers": {"SPEAKER_00": "Anna"}, "segments": [{"index": 0, "text": "Zygomorphic."}]},
    )
    assert changed.status_code == 200, changed.text
    assert (changed.json()["title"], changed.json()["speakers"]) == ("Call", {"SPEAKER_00": "Anna"})
    assert changed.json()["attempts"] == 1
    corrected = person.segments(job)[0]
    assert (corrected["text"], corrected["machine_text"]) == ("Zygomorphic.", segments[0]["text"])
    text = person.get(f"/v1/transcriptions/{job['id']}/transcript", params={"format": "txt"}).text
    assert text.startswith("Zygomorphic.\n")
    assert receiver.wait_for("transcription.updated").json["data"]["id"] == job["id"]


def test_a_text_becomes_speech_that_can_be_heard_and_read_back(person: Person, receiver: Receiver) -> None:
    signed = listen(person, receiver, "speech.succeeded")
    job = person.speak(
        "There is a small house near the river. She will call you again in the afternoon.",
        format="wav",
        voice=voice(person),
    )
    done = person.ended(job)
    assert done["status"] == "succeeded", done
    assert done["engine"].startswith("espeak")
    got = receiver.wait_for("speech.succeeded")
    assert signed.verify(got.body, got.headers)["data"]["id"] == job["id"]
    audio = httpx.get(done["audio_url"], trust_env=False)
    assert audio.status_code == 200
    assert audio.content[:4] == b"RIFF"
    assert "attachment" in audio.headers["content-disposition"]
    marks = person.get(done["marks_url"]).json()["data"]
    assert [m["index"] for m in marks] == [0, 1]
    assert marks[1]["start"] >= marks[0]["end"] > 0
    back = person.ended(person.transcribe(audio.content))
    assert back["status"] == "succeeded"
    text = person.get(f"/v1/transcriptions/{back['id']}/transcript", params={"format": "txt"}).text.lower()
    assert len({"small", "house", "river", "call", "again", "afternoon"} & set(text.split())) >= 2, text


def test_a_speech_is_heard_sentence_by_sentence_while_it_is_made(person: Person) -> None:
    text = " ".join(f"This is sentence number {n}." for n in range(60))
    job = person.speak(text, format="wav")
    answers: list[dict[str, Any]] = []
    heard = b""
    while not answers or answers[-1]["data"] or answers[-1]["status"] in ("queued", "running"):
        after = sum(len(answer["data"]) for answer in answers) - 1
        answers.append(person.get(job["marks_url"], params={"after": after, "wait": 10}).json())
        for mark in answers[-1]["data"]:
            part = httpx.get(mark["audio_url"], trust_env=False).content
            heard += part[44:]
    assert answers[0]["status"] == "running", "the first sentence came with the last"
    assert [mark["index"] for answer in answers for mark in answer["data"]] == list(range(60))
    done = person.job(job)
    assert done["parts"] == {"done": 60, "total": 60}
    whole = httpx.get(done["audio_url"], trust_env=False).content
    assert whole[whole.index(b"data") + 8 :] == heard


def voice(person: Person) -> str:
    voices = person.get("/v1/voices").json()["data"]
    return str(next(v["id"] for v in voices if v["language"].startswith("en") and v["gender"] == "female"))


def test_a_file_dropped_in_the_inbox_is_transcribed_without_the_api(
    person: Person, receiver: Receiver, stack: LocalStack
) -> None:
    listen(person, receiver, "transcription.succeeded", "speech.succeeded")
    s3 = stack.client("s3")
    bucket = stack.outputs["UploadsBucket"]
    s3.put_object(
        Bucket=bucket, Key=f"inbox/{person.id}/Sitzung über Öl.wav", Body=spoken_wav(1), Metadata={"language": "en"}
    )
    got = receiver.wait_for("transcription.succeeded")
    job = person.get(f"/v1/transcriptions/{got.json['data']['id']}").json()
    assert job["title"] == "Sitzung über Öl.wav"
    assert job["language"] == "en"
    s3.put_object(Bucket=bucket, Key=f"inbox/{person.id}/note.md", Body=b"# Hello\n\nThis is *not* a recording.")
    assert receiver.wait_for("speech.succeeded")


def test_a_presigned_post_takes_that_key_type_and_size_and_nothing_else(person: Person) -> None:
    """U-01"""
    body = spoken_wav(1)
    job = person.post(
        "/v1/transcriptions", {"filename": "a.wav", "content_type": "audio/wav", "size": len(body)}
    ).json()
    target = job["upload"]
    other = {**target, "fields": {**target["fields"], "key": "uploads/usr_x/job_y"}}
    typed = {**target, "fields": {**target["fields"], "Content-Type": "text/html"}}
    extra = {**target, "fields": {**target["fields"], "acl": "public-read"}}
    forged = {**target, "fields": {**target["fields"], "x-amz-signature": "0" * 64}}
    assert upload(target, body + b"x").status_code == 400
    assert upload(target, b"").status_code == 400
    assert [upload(t, body).status_code for t in (other, typed, extra, forged)] == [403] * 4
    assert person.job(job)["status"] == "awaiting_upload"
    assert upload(target, body).status_code == 204
    assert person.ended(job)["status"] == "succeeded"


def test_a_media_item_can_be_transcribed_twice(person: Person) -> None:
    body = spoken_wav(1)
    made = person.post(
        "/v1/uploads", {"filename": "a.wav", "content_type": "audio/wav", "size": len(body), "purpose": "transcription"}
    )
    assert made.status_code == 201, made.text
    assert person.post("/v1/transcriptions", {"media_id": made.json()["id"]}).json()["code"] == "media_not_ready"
    assert upload(made.json(), body).status_code == 204

    def create() -> httpx.Response:
        return person.post("/v1/transcriptions", {"media_id": made.json()["id"]})

    first = create()
    for _ in range(100):
        if first.status_code == 201:
            break
        first = create()
    assert [person.ended(j)["status"] for j in (first.json(), create().json())] == ["succeeded"] * 2


def test_a_repeated_post_answers_with_the_first_result(person: Person) -> None:
    body = {"filename": "a.wav", "content_type": "audio/wav", "size": 10}
    key = {"Idempotency-Key": "order-7"}
    first, again = (person.post("/v1/transcriptions", body, headers=key) for _ in range(2))
    assert first.status_code == again.status_code == 201
    assert first.json() == again.json()
    other = person.post("/v1/transcriptions", {**body, "size": 11}, headers=key)
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_mismatch")
    assert len(person.get("/v1/transcriptions").json()["data"]) == 1


def test_a_canceled_job_in_each_state_stays_canceled(person: Person) -> None:
    waiting = person.post("/v1/transcriptions", {"filename": "a.wav", "content_type": "audio/wav", "size": 10}).json()
    assert person.post(f"/v1/transcriptions/{waiting['id']}/cancel").json()["status"] == "canceled"
    long = person.transcribe(spoken_wav(20, pause=8.0))
    queued = person.transcribe(spoken_wav(2))
    person.until(queued, lambda job: job["status"] != "awaiting_upload")
    assert person.post(f"/v1/transcriptions/{queued['id']}/cancel").json()["status"] == "canceled"
    person.until(long, lambda job: job["status"] == "running" and job["progress"] > 0)
    assert person.post(f"/v1/transcriptions/{long['id']}/cancel").json()["status"] == "canceled"
    assert person.post(f"/v1/transcriptions/{long['id']}/cancel").json()["code"] == "job_ended"
    done = person.ended(person.transcribe(spoken_wav(1)))
    assert person.post(f"/v1/transcriptions/{done['id']}/cancel").json()["code"] == "job_ended"
    assert [person.job(j)["status"] for j in (waiting, queued, long)] == ["canceled"] * 3
    again = person.post(f"/v1/transcriptions/{queued['id']}/retry").json()
    assert again["id"] == queued["id"]
    assert person.ended(queued)["status"] == "succeeded"


def test_deleting_leaves_neither_rows_nor_objects(person: Person, stack: LocalStack) -> None:
    job = person.transcribe(spoken_wav(1))
    speech = person.speak("Good morning.", format="mp3")
    person.ended(job), person.ended(speech)
    for path in (f"/v1/transcriptions/{job['id']}", f"/v1/speech/{speech['id']}"):
        receipt = person.delete(path).json()
        assert receipt["rows"] >= 1
        assert receipt["objects"] >= 1
        assert receipt["versions"] >= 1
        assert person.get(path).status_code == 404
        assert person.delete(path).status_code == 404
    s3 = stack.client("s3")
    for bucket in (stack.outputs["UploadsBucket"], stack.outputs["ResultsBucket"]):
        keys = [v["Key"] for v in s3.list_object_versions(Bucket=bucket).get("Versions", [])]
        assert not [k for k in keys if person.id in k]


@pytest.mark.parametrize(
    "path", ["/v1/transcriptions/job_x", "/v1/speech/job_x", "/v1/webhooks/whk_x", "/v1/nowhere", "/v1"]
)
def test_what_is_not_there_is_a_problem_document(person: Person, path: str) -> None:
    answer = person.get(path)
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert {"type", "title", "status", "detail", "code", "request_id"} <= set(answer.json())


def test_nobody_sees_the_jobs_of_another(person: Person, http: httpx.Client) -> None:
    job = person.post("/v1/transcriptions", {"filename": "a.wav", "content_type": "audio/wav", "size": 10}).json()
    other = Person.register(http)
    path = f"/v1/transcriptions/{job['id']}"
    calls = [
        ("GET", path),
        ("GET", path + "/segments"),
        ("GET", path + "/transcript"),
        ("POST", path + "/cancel"),
        ("POST", path + "/retry"),
    ]
    assert [other.call(m, p).status_code for m, p in [*calls, ("DELETE", path)]] == [404] * 6
    assert [http.request(m, p).status_code for m, p in calls] == [401] * 5
    assert http.get(path, headers={"Authorization": "Bearer nonsense"}).json()["code"] == "unauthorized"
    assert person.job(job)["status"] == "awaiting_upload"


@pytest.mark.parametrize("path", ["/v1/health", "/v1/health/live", "/v1/health/ready"])
def test_health_needs_no_token(http: httpx.Client, path: str) -> None:
    assert http.get(path).status_code == 200


def test_every_answer_has_a_request_id_and_keeps_the_callers(person: Person) -> None:
    assert person.get("/v1/voices").headers["x-request-id"].startswith("req_")
    assert person.get("/v1/voices", headers={"X-Request-Id": "mine-1"}).headers["x-request-id"] == "mine-1"

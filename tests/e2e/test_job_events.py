"""The events of a job, read through the edge by somebody whose connection breaks after each."""

from __future__ import annotations

import json
from typing import Any

import httpx

from infra.local.person import Person
from infra.local.recordings import spoken_wav


def one_event(person: Person, path: str, last: str | None) -> tuple[str, dict[str, Any], str] | None:
    """The next one; None where nothing more comes."""
    headers = {"Authorization": f"Bearer {person.token}", **({"Last-Event-ID": last} if last else {})}
    with person.http.stream("GET", path, headers=headers) as answer:
        if answer.status_code == 204:
            return None
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        found: dict[str, str] = {}
        for line in answer.iter_lines():
            if not line and found:
                return found["event"], json.loads(found["data"]), found["id"]
            name, colon, value = line.partition(": ")
            if name and colon:
                found[name] = value
    raise AssertionError("the stream ended without an event")


def all_events(person: Person, path: str) -> list[tuple[str, dict[str, Any], str]]:
    seen: list[tuple[str, dict[str, Any], str]] = []
    while (each := one_event(person, path, seen[-1][2] if seen else None)) is not None:
        seen.append(each)
    return seen


def test_a_transcript_that_is_watched_over_broken_connections_is_whole(person: Person) -> None:
    """PEERS 4, row 6"""
    job = person.transcribe(spoken_wav(4))
    seen = all_events(person, f"/v1/transcriptions/{job['id']}/events")
    assert seen[-1][0] == "done"
    assert seen[-1][1]["status"] == "succeeded"
    assert [data for name, data, _ in seen if name == "segment"] == person.segments(job)
    cost = person.job(job)["cost"]
    assert cost["gpu_seconds"] > 0
    assert cost["usd"] > 0


def test_the_sentences_of_a_speech_are_told_as_they_are_spoken(person: Person, http: httpx.Client) -> None:
    job = person.speak("One is said. Two is said. Three is said.", format="wav")
    path = f"/v1/speech/{job['id']}/events"
    seen = all_events(person, path)
    assert [data["index"] for name, data, _ in seen if name == "sentence"] == [0, 1, 2]
    assert seen[-1][0] == "done"
    assert one_event(person, path, seen[-1][2]) is None
    assert person.get(path, headers={"Last-Event-ID": "x"}).json()["code"] == "bad_event_id"
    assert person.get("/v1/speech/job_01ARZ3NDEKTSV4RRFFQ69G5FAV/events").status_code == 404  # pragma: allowlist secret


def test_a_dry_run_tells_what_it_would_cost_and_starts_nothing(person: Person) -> None:
    asked = {"input": "This is never said.", "format": "wav"}
    answer = person.post("/v1/speech?dry_run=true", asked, headers={"Idempotency-Key": "dry"})
    assert answer.status_code == 200
    estimate = answer.json()
    assert (estimate["dry_run"], estimate["characters"], estimate["joins"]) == (True, 19, None)
    assert estimate["cost"]["gpu_seconds"] > 0
    assert estimate["queue_position"] >= 1
    assert estimate["eta"]["error"] >= 0
    assert person.get("/v1/speech").json()["data"] == []
    job = person.post("/v1/speech", asked, headers={"Idempotency-Key": "dry"})
    assert job.status_code == 202
    assert person.post("/v1/speech?dry_run=true", asked).json()["joins"] == job.json()["id"]

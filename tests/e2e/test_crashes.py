"""Processes that die, and what becomes of the work they held."""

from __future__ import annotations

import os
import random
import signal
import threading
import time

import pytest

from infra.local.person import Person
from infra.local.receiver import Receiver
from infra.local.recordings import spoken_wav
from infra.local.stack import LocalStack

SENTENCES, PAUSE = 8, 6.0
"""Several chunks of 30 seconds, of which a third is speech: silence costs the recogniser nothing."""


@pytest.fixture(scope="module")
def untouched(stack: LocalStack) -> list[tuple[str, float, float]]:
    """The transcript of a run that nobody disturbed."""
    import httpx

    with httpx.Client(base_url=stack.url, timeout=30, trust_env=False) as http:
        person = Person.register(http)
        job = person.ended(person.transcribe(spoken_wav(SENTENCES, PAUSE)))
        assert job["status"] == "succeeded"
        return shown(person, job)


def shown(person: Person, job: dict) -> list[tuple[str, float, float]]:  # type: ignore[type-arg]
    return [(s["text"], s["start"], s["end"]) for s in person.segments(job)]


def wait_for_pid(stack: LocalStack, name: str, old: int | None) -> None:
    deadline = time.monotonic() + 30
    while stack.pid(name) in (None, old):
        assert time.monotonic() < deadline, f"{name} was not started again"
        time.sleep(0.05)


@pytest.mark.parametrize("seed", range(3))
def test_a_worker_killed_at_any_moment_loses_nothing(
    person: Person, receiver: Receiver, stack: LocalStack, untouched: list[tuple[str, float, float]], seed: int
) -> None:
    """Q-22: the transcript has no gap and no duplicate, at most one chunk is done twice, and one callback tells of the end."""
    person.post("/v1/webhooks", {"url": receiver.url, "events": ["transcription.succeeded"]})
    job = person.transcribe(spoken_wav(SENTENCES, PAUSE))
    person.until(job, lambda found: found["status"] == "running")
    moment = random.Random(seed).uniform(0, 8)
    threading.Event().wait(moment)  # a random moment is what this test is about
    old = stack.pid("transcriber")
    before = len(person.segments(job))
    killed = time.monotonic()
    stack.kill("transcriber")
    wait_for_pid(stack, "transcriber", old)
    if before < len(untouched):
        person.until(job, lambda found: len(person.segments(job)) > before or found["status"] == "succeeded", 60)
        recovered = time.monotonic() - killed
        print(f"killed after {moment:.1f} s with {before} segments; new ones {recovered:.1f} s later")
    done = person.ended(job)
    assert done["status"] == "succeeded"
    assert done["attempts"] <= 2
    assert shown(person, done) == untouched
    receiver.wait_for("transcription.succeeded")
    assert len({g.headers["webhook-id"] for g in receiver.got}) == 1


def test_a_worker_that_is_asked_to_stop_hands_its_job_back(
    person: Person, stack: LocalStack, untouched: list[tuple[str, float, float]]
) -> None:
    """Q-30: the next worker goes on within seconds, long before the lease would have ended."""
    job = person.transcribe(spoken_wav(SENTENCES, PAUSE))
    person.until(job, lambda found: found["status"] == "running" and found["progress"] > 0)
    old = stack.pid("transcriber")
    assert old
    asked = time.monotonic()
    os.kill(old, signal.SIGTERM)
    person.until(job, lambda found: found["status"] == "queued" or found["attempts"] == 2, 25)
    assert time.monotonic() - asked < 20
    done = person.ended(job)
    assert (done["status"], done["attempts"]) == ("succeeded", 2)
    assert shown(person, done) == untouched


def test_a_stopped_worker_that_wakes_up_late_changes_nothing(
    person: Person, receiver: Receiver, stack: LocalStack, untouched: list[tuple[str, float, float]]
) -> None:
    """Q-13: the zombie sleeps for longer than its lease, another worker finishes, the zombie wakes."""
    person.post("/v1/webhooks", {"url": receiver.url, "events": ["transcription.succeeded"]})
    job = person.transcribe(spoken_wav(SENTENCES, PAUSE))
    person.until(job, lambda found: found["status"] == "running")
    zombie = stack.pid("transcriber")
    assert zombie
    os.kill(zombie, signal.SIGSTOP)
    try:
        second = stack.spawn("transcriber")
        try:
            done = person.ended(job)
        finally:
            second.stop()
    finally:
        os.kill(zombie, signal.SIGCONT)
    assert (done["status"], done["attempts"]) == ("succeeded", 2)
    after = person.ended(person.transcribe(spoken_wav(1)))  # the zombie is alive again, and useful
    assert after["status"] == "succeeded"
    assert shown(person, done) == untouched
    assert {**person.job(job), "audio_url": None} == {**done, "audio_url": None}  # which is signed anew each time
    receiver.wait(lambda got: any(g.json["data"]["id"] == after["id"] for g in got))
    assert len([g for g in receiver.got if g.json["data"]["id"] == job["id"]]) == 1


def test_speech_killed_half_way_is_whole(person: Person, stack: LocalStack) -> None:
    """Q-22"""
    text = " ".join(f"This is sentence number {n} of a long speech." for n in range(120))
    whole = person.ended(person.speak(text, format="wav"))
    job = person.speak(text, format="wav", dedupe=False)
    person.until(job, lambda found: found["progress"] > 5)
    old = stack.pid("synthesizer")
    stack.kill("synthesizer")
    wait_for_pid(stack, "synthesizer", old)
    done = person.ended(job)
    assert done["status"] == "succeeded"
    assert done["duration"] == whole["duration"]
    marks = [person.get(found["marks_url"]).json()["data"] for found in (whole, done)]
    assert [(m["start"], m["text"]) for m in marks[0]] == [(m["start"], m["text"]) for m in marks[1]]


def generation(stack: LocalStack) -> int:
    """Of the state that the emulator has saved."""
    return int(os.readlink(stack.home.state / "services/current"))


def test_state_survives_a_killed_emulator(person: Person, stack: LocalStack) -> None:
    """Users, jobs and objects are there again; what the last seconds changed may have to be done again, and is."""
    job = person.ended(person.transcribe(spoken_wav(1)))
    deadline, since = time.monotonic() + 90, generation(stack)
    while generation(stack) < since + 2:  # the next one may have been begun before the job ended
        assert time.monotonic() < deadline
        assert person.get("/v1/me").status_code == 200  # something to save: what it logs
    old = stack.pid("emulator")
    stack.kill("emulator")
    wait_for_pid(stack, "emulator", old)
    deadline = time.monotonic() + 40
    while True:
        answer = person.get(f"/v1/transcriptions/{job['id']}")
        if answer.status_code == 200:
            break
        assert time.monotonic() < deadline, answer.text
        time.sleep(0.2)
    assert person.ended(job, 60)["status"] == "succeeded"
    assert person.ended(person.transcribe(spoken_wav(1)), 60)["status"] == "succeeded"

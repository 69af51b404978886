"""WhisperX's steps as jobs of their own, over the lane and the worker of transcriptions."""

from __future__ import annotations

from infra.local.person import Person
from infra.local.receiver import Receiver
from infra.local.recordings import spoken_wav
from tests.e2e.test_main_job import listen

SAID = [{"start": 0, "end": 1, "text": "Hello there."}, {"start": 1.5, "end": 2, "text": "Who is it?"}]
TURNS = [{"start": 0, "end": 1.2, "speaker": "Anna"}, {"start": 1.2, "end": 3, "speaker": "Ben"}]


def test_speakers_are_laid_over_a_text(person: Person, receiver: Receiver) -> None:
    signed = listen(person, receiver, "assignment.*")
    answer = person.post("/v1/speaker-assignments", {"segments": SAID, "turns": TURNS, "metadata": {"order": 7}})
    assert answer.status_code == 201, answer.text
    done = person.ended(answer.json())
    assert (done["status"], done["speakers"]) == ("succeeded", ["Anna", "Ben"]), done
    got = receiver.wait_for("assignment.succeeded")
    assert signed.verify(got.body, got.headers)["data"]["links"]["segments"] == done["links"]["segments"]
    found = person.get(done["links"]["segments"]).json()["data"]
    assert [(s["text"], s["speaker"]) for s in found] == [("Hello there.", "Anna"), ("Who is it?", "Ben")]
    assert person.get("/v1/speaker-assignments").json()["data"][0]["id"] == done["id"]
    assert person.delete(done["links"]["self"]).json()["objects"] == 1
    assert person.get(done["links"]["self"]).status_code == 404


def test_what_is_not_configured_here_says_so(person: Person) -> None:
    """Q-24: at the first attempt. The engine of the laptop has neither step; those that do are tried in tests/engines."""
    told = person.ended(person.transcribe(spoken_wav(1)))
    for place in ("alignments", "diarizations"):
        job = person.post(f"/v1/{place}", {"transcription_id": told["id"]}).json()
        done = person.ended(job)
        assert (done["status"], done["error"]["code"], done["attempts"]) == ("failed", "not_configured", 1), done

"""The same work is done once: at the API, and again at the worker."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx

from infra.local.person import Person
from infra.local.recordings import spoken_wav


def test_fifty_parallel_posts_are_one_job_and_one_run_and_other_names_for_it_are_copies(person: Person) -> None:
    """PEERS 4, row 3: no key is sent, as an SDK sends none when it repeats."""

    def post(_: int) -> dict[str, Any]:
        wanted = {"input": "This is said once.", "format": "wav"}
        while (answer := person.post("/v1/speech", wanted)).status_code == 503:
            pass  # as an SDK does: fifty at once are much for a laptop's authorizer
        assert answer.status_code == 202, answer.text
        job: dict[str, Any] = answer.json()
        return job

    with ThreadPoolExecutor(10) as pool:
        jobs = list(pool.map(post, range(50)))
    assert len({job["id"] for job in jobs}) == 1
    assert [job["deduplicated"] for job in jobs].count(False) == 1
    done = person.ended(jobs[0])
    assert (done["status"], done["attempts"], done["deduplicated"]) == ("succeeded", 1, False)
    copy = person.ended(person.speak("This is said once.", format="wav", metadata={"order": 7}))
    assert copy["id"] != done["id"]
    assert (copy["status"], copy["deduplicated"], copy["metadata"]) == ("succeeded", True, {"order": 7})
    person.delete(f"/v1/speech/{done['id']}")
    assert httpx.get(copy["audio_url"], trust_env=False).content[:4] == b"RIFF"
    assert len(person.get(f"/v1/speech/{copy['id']}/marks").json()["data"]) == 1
    assert person.get("/v1/me/usage").json()["characters"] == len("This is said once.")


def test_one_recording_that_is_uploaded_twice_is_transcribed_once(person: Person) -> None:
    wav = spoken_wav(2)
    first, second = person.transcribe(wav), person.transcribe(wav, filename="again.wav")
    done = [person.ended(job) for job in (first, second)]
    assert [job["status"] for job in done] == ["succeeded", "succeeded"]
    assert sorted(job["deduplicated"] for job in done) == [False, True]
    texts = [[s["text"] for s in person.segments(job)] for job in done]
    assert texts[0] == texts[1] != []
    alone = person.ended(person.transcribe(wav, dedupe=False))
    assert (alone["status"], alone["deduplicated"]) == ("succeeded", False)

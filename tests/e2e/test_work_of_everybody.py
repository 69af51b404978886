"""What administrators see of everybody's jobs and queues, and what they bring back."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from infra.local.person import Person
from infra.local.stack import LocalStack
from tests.e2e.test_admin import make_admin, shaped
from tests.e2e.test_erasure import run_janitor
from tests.e2e.test_logs import lines, until

TEXT = "A sentence that no administrator reads."


@pytest.fixture(scope="module")
def root(http: httpx.Client, stack: LocalStack) -> Person:
    admin = Person.register(http)
    assert make_admin(stack, admin.get("/v1/me").json()["email"]).returncode == 0
    return admin


def depth(root: Person, name: str) -> dict[str, Any]:
    return next(queue for queue in root.get("/v1/admin/queues").json()["data"] if queue["name"] == name)


def test_jobs_are_found_by_state_kind_and_user_and_show_nothing_of_what_is_in_them(
    http: httpx.Client, root: Person, person: Person
) -> None:
    """A-46"""
    done = person.ended(person.speak(TEXT, title="My own title"))
    paper = person.ended(person.add_document(TEXT.encode(), "secret-name.txt", "text/plain"))
    waiting = person.post(
        "/v1/transcriptions", {"filename": "a.wav", "content_type": "audio/wav", "size": 10, "hotwords": "Rosebud"}
    ).json()

    def found(query: str) -> list[str]:
        answer = root.get(f"/v1/admin/jobs?user_id={person.id}&{query}")
        return [job["id"] for job in shaped(http, "/v1/admin/jobs", answer)["data"]]

    assert found("limit=10") == [waiting["id"], paper["id"], done["id"]]
    assert found("status=succeeded") == [paper["id"], done["id"]]
    assert found("status=succeeded&kind=speech") == [done["id"]]
    first = root.get(f"/v1/admin/jobs?user_id={person.id}&limit=1").json()
    assert found(f"limit=1&cursor={first['next_cursor']}") == [paper["id"]]
    everybodys = shaped(http, "/v1/admin/jobs", root.get("/v1/admin/jobs?kind=document&limit=5"))
    assert paper["id"] in [job["id"] for job in everybodys["data"]]
    one = shaped(http, "/v1/admin/jobs/{id}", root.get(f"/v1/admin/jobs/{done['id']}"))
    assert (one["user_id"], one["status"], one["attempts"], one["tier"]) == (person.id, "succeeded", 1, "free")
    for text in (TEXT, "My own title", "secret-name", "Rosebud"):
        assert text not in root.get(f"/v1/admin/jobs?user_id={person.id}").text + json.dumps(one)
    assert root.get("/v1/admin/jobs/job_nothing").status_code == 404
    assert root.get("/v1/admin/jobs?status=lost").status_code == 422


def test_what_was_accepted_is_open_or_has_ended(person: Person, stack: LocalStack) -> None:
    """O-05: whatever was done here before, and with a job that is taken away while it is open."""
    assert person.ended(person.speak(TEXT))["status"] == "succeeded"
    begun = person.speak(TEXT * 20)
    assert person.delete(f"/v1/speech/{begun['id']}").is_success

    def accounted() -> bool:
        run_janitor(stack, {"count": "jobs"})
        looks = [json.loads(text)["JobsUnaccounted"] for _, text in lines(stack) if '"JobsUnaccounted":' in text]
        return bool(looks) and looks[-1] == [0.0]

    until(accounted)


def test_queues_are_counted_and_dead_letters_go_back(http: httpx.Client, root: Person, stack: LocalStack) -> None:
    """Q-44, A-47"""
    shaped(http, "/v1/admin/queues", root.get("/v1/admin/queues"))
    before = depth(root, "mails")["dead_letters"]
    letter = {"kind": "reset", "user_id": root.id, "email": None, "about": ""}
    stack.client("sqs").send_message(QueueUrl=stack.outputs["MailsDeadLettersUrl"], MessageBody=json.dumps(letter))
    assert depth(root, "mails")["dead_letters"] == before + 1
    answer = root.post("/v1/admin/queues/mails/redrive")
    assert shaped(http, "/v1/admin/queues/{id}/redrive", answer) == {"name": "mails", "moved": before + 1}
    assert depth(root, "mails")["dead_letters"] == 0
    (entry,) = [e for e in root.get("/v1/me/audit").json()["data"] if e["request_id"] == answer.headers["X-Request-Id"]]
    assert (entry["action"], entry["target"], entry["outcome"]) == ("admin.queue.redrive", "mails", "200")
    assert root.post("/v1/admin/queues/nothing/redrive").status_code == 404
    refused = root.post("/v1/admin/queues/events/redrive")
    assert (refused.status_code, refused.json()["code"]) == (409, "not_redrivable")


def test_what_happened_is_counted_once(http: httpx.Client, root: Person, person: Person) -> None:
    """O-05"""

    def counts() -> dict[str, Any]:
        answer = shaped(http, "/v1/admin/metrics", root.get("/v1/admin/metrics"))
        spans = [span["jobs"].get("speech", {}) for span in answer["data"]]
        return {name: sum(s.get(name, 0) for s in spans) for name in ("accepted", "succeeded", "characters")}

    before = counts()
    for number in range(3):
        person.ended(person.speak(f"Sentence {number}."))

    deadline = time.monotonic() + 30
    while (after := counts())["succeeded"] < before["succeeded"] + 3:  # the stream tells nobody when it is read
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert {name: after[name] - before[name] for name in before} == {
        "accepted": 3,
        "succeeded": 3,
        "characters": 3 * len("Sentence 0."),
    }
    days = shaped(http, "/v1/admin/metrics", root.get("/v1/admin/metrics?per=day"))["data"]
    assert sum(day["jobs"].get("speech", {}).get("succeeded", 0) for day in days) == after["succeeded"]
    long_ago = (datetime.now(UTC) - timedelta(days=40)).strftime("%Y-%m-%dT%H:%M:%SZ")
    for wrong in (f"since={long_ago}", "since=2026-11-20", "per=year", "until=1900-01-01T00:00:00Z"):
        assert root.get(f"/v1/admin/metrics?{wrong}").status_code == 422, wrong


def test_a_user_with_many_jobs_gets_all_of_them_done(person: Person) -> None:
    """Q-40: more than may run at once."""
    papers = [person.add_document(f"Paper {n}.".encode(), f"{n}.txt", "text/plain") for n in range(6)]
    assert {person.ended(paper)["status"] for paper in papers} == {"succeeded"}

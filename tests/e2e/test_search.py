"""Search in messages and transcripts, by words and by meaning; the index follows what is written and what is deleted."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from infra.local.person import Person
from infra.local.recordings import spoken_wav
from infra.local.stack import LocalStack
from tests.model_servers import Act, OpenAiServer


def found(person: Person, query: str) -> list[dict[str, Any]]:
    answer = person.get(f"/v1/search?{query}")
    assert answer.status_code == 200, answer.text
    hits: list[dict[str, Any]] = answer.json()["data"]
    return hits


def wait_for(wanted: Callable[[], Any], seconds: float = 30) -> Any:
    """The index has no push, so this asks again and again, and gives up in the end."""
    deadline = time.monotonic() + seconds
    while not (seen := wanted()):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    return seen


@pytest.fixture
def talk(person: Person, model: OpenAiServer) -> str:
    model.script = [Act(("The café closes ", "at nine."))]
    made: str = person.post("/v1/conversations", {}).json()["id"]
    asked = person.post(f"/v1/conversations/{made}/messages", {"content": "When does the COFFEE HOUSE in Łódź close?"})
    assert asked.status_code == 201, asked.text
    return made


def test_messages_are_found_by_words_and_by_meaning_and_by_nobody_else(
    stack: LocalStack, person: Person, talk: str
) -> None:
    """A-42, A-43"""
    (hit,) = wait_for(lambda: found(person, "q=cafe+NINE"))
    assert (hit["kind"], hit["conversation_id"], hit["snippet"]) == ("message", talk, "The café closes at nine.")
    assert [f["text"] for f in hit["fragments"] if f["match"]] == ["café", "nine"]
    (asked,) = found(person, f"q=lodz&in=messages&conversation_id={talk}")
    assert asked["id"] < hit["id"]
    meant = wait_for(lambda: found(person, "q=opening+hours+of+a+restaurant&mode=semantic&limit=2"))
    assert {h["id"] for h in meant} == {asked["id"], hit["id"]}
    assert found(person, "q=cafe&in=transcripts,documents") == []

    stranger = Person.register(person.http)
    assert found(stranger, "q=cafe") == found(stranger, "q=coffee&mode=semantic") == []
    assert stranger.get(f"/v1/search?q=cafe&conversation_id={talk}").status_code == 404
    first = person.get("/v1/search?q=close&limit=1").json()
    if first["next_cursor"]:
        refused = stranger.get(f"/v1/search?q=close&limit=1&cursor={first['next_cursor']}")
        assert (refused.status_code, refused.json()["code"]) == (400, "bad_cursor")
    for bad in ("q=", "q=…", "q=a&in=mail", "q=a&mode=other", f"q=a&in=transcripts&conversation_id={talk}"):
        assert person.get(f"/v1/search?{bad}").status_code == 422, bad

    person.delete(f"/v1/conversations/{talk}")
    table = stack.client("dynamodb")

    def left() -> int:
        return int(
            table.query(
                TableName=stack.outputs["TableName"],
                KeyConditionExpression="pk = :p",
                ExpressionAttributeValues={":p": {"S": f"search#{person.id}"}},
            )["Count"]
        )

    assert found(person, "q=cafe") == []
    wait_for(lambda: left() == 0)


def test_a_transcript_is_found_at_the_second_where_it_says_so(person: Person) -> None:
    job = person.ended(person.transcribe(spoken_wav()))
    segment = person.segments(job)[0]
    words = segment["text"].split()[:2]
    (hit,) = wait_for(lambda: found(person, f"q={'+'.join(words)}&in=transcripts"))
    assert (hit["kind"], hit["id"], hit["job_id"], hit["start"]) == (
        "transcript",
        job["id"],
        job["id"],
        segment["start"],
    )
    assert hit["snippet"].startswith(words[0])
    person.delete(f"/v1/transcriptions/{job['id']}")
    assert found(person, f"q={words[0]}&in=transcripts") == []


def test_a_document_is_found_on_its_page(person: Person) -> None:
    text = "The first section.\n\n" + "filler line\n" * 400 + "\nThe zanzibar clause is on a later page."
    paper = person.ended(person.add_document(text.encode(), "a.txt", "text/plain"))
    (hit,) = wait_for(lambda: found(person, "q=zanzibar+clause"))
    assert (hit["kind"], hit["document_id"]) == ("document", paper["id"])
    assert hit["page"] > 1
    person.delete(f"/v1/documents/{paper['id']}")
    assert found(person, "q=zanzibar") == []

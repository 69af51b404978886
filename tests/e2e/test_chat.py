"""Conversations, whole and streamed answers, against a server that speaks OpenAI's protocol; through the edge."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator

from infra.local.person import Person
from infra.local.recordings import spoken_wav
from infra.local.stack import LocalStack
from tests.e2e.conftest import GREETING, MODEL
from tests.model_servers import Act, OpenAiServer


@pytest.fixture
def talk(person: Person) -> str:
    made = person.post("/v1/conversations", {"settings": {"system_prompt": "Be brief."}})
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


def events_of(lines: Iterator[str]) -> Iterator[tuple[str, dict[str, Any], str]]:
    name, data, at = "", {}, ""
    for line in lines:
        field, _, value = line.partition(": ")
        if field == "event":
            name = value
        elif field == "data":
            data = json.loads(value)
        elif field == "id":
            at = value
        elif not line and name:
            yield name, data, at
            name = ""


def stream(person: Person, talk: str, content: str = "Hello?", path: str = "", **headers: str) -> Any:
    return person.http.stream(
        "POST",
        f"/v1/conversations/{talk}/messages{path}",
        json={"content": content},
        headers={"Authorization": f"Bearer {person.token}", "Accept": "text/event-stream", **headers},
    )


def wait_for(wanted: Callable[[], bool], seconds: float) -> None:
    """The API has no push here, so this asks again and again, and gives up in the end."""
    deadline = time.monotonic() + seconds
    while not wanted():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def newest(person: Person, talk: str) -> dict[str, Any]:
    found: dict[str, Any] = person.get(f"/v1/conversations/{talk}/messages?limit=1").json()["data"][0]
    return found


def test_conversations_are_made_found_changed_and_deleted(person: Person) -> None:
    ids = [person.post("/v1/conversations", {"title": f"Talk {n}"}).json()["id"] for n in range(3)]
    first = person.get("/v1/conversations?limit=2").json()
    assert [c["id"] for c in first["data"]] == ids[:0:-1]
    rest = person.get(f"/v1/conversations?limit=2&cursor={first['next_cursor']}").json()
    assert ([c["id"] for c in rest["data"]], rest["next_cursor"]) == (ids[:1], None)
    changed = person.call("PATCH", f"/v1/conversations/{ids[0]}", json={"archived": True, "metadata": {"a": 1}})
    assert (changed.json()["archived"], changed.json()["metadata"]) == (True, {"a": 1})
    assert [c["id"] for c in person.get("/v1/conversations?archived=true").json()["data"]] == ids[:1]
    assert [c["title"] for c in person.get("/v1/conversations?q=talk%202").json()["data"]] == ["Talk 2"]
    person.post(f"/v1/conversations/{ids[0]}/messages", {"content": "Hello?", "model": "offline"})
    gone = person.delete(f"/v1/conversations/{ids[0]}")
    assert (gone.status_code, gone.json()["deleted"], gone.json()["rows"]) == (200, True, 3)
    assert person.get(f"/v1/conversations/{ids[0]}").status_code == 404


def test_a_message_is_answered_whole(http: httpx.Client, person: Person, talk: str, model: OpenAiServer) -> None:
    answer = person.post(f"/v1/conversations/{talk}/messages", {"content": "Hello there. You?"})
    assert answer.status_code == 201, answer.text
    document = http.get("/v1/openapi.json").json()
    schema = {"$ref": "#/components/schemas/Exchange", "components": document["components"]}
    Draft202012Validator(schema).validate(answer.json())
    reply = answer.json()["reply"]
    assert (reply["content"], reply["model"], reply["tokens"]) == ("Good morning.", MODEL, {"input": 11, "output": 7})
    conversation = person.get(f"/v1/conversations/{talk}").json()
    assert (conversation["title"], conversation["message_count"]) == ("Hello there.", 2)
    assert newest(person, talk) == reply
    assert person.get("/v1/me/usage").json()["tokens"] == 18
    assert [m["role"] for m in model.seen[0]["messages"]] == ["system", "user"]


@pytest.mark.parametrize("path", ["", "/stream"])
def test_an_answer_comes_piece_by_piece(person: Person, talk: str, model: OpenAiServer, path: str) -> None:
    with stream(person, talk, path=path) as answer:
        assert answer.status_code == 200
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        found = list(events_of(answer.iter_lines()))
    assert [name for name, _, _ in found] == ["message", "delta", "delta", "delta", "done"]
    assert "".join(data["text"] for name, data, _ in found if name == "delta") == "Good morning."
    assert found[-1][1]["reply"] == newest(person, talk)
    reply_id = found[-1][1]["reply"]["id"]
    assert [at for _, _, at in found] == [f"{reply_id}:{n}" for n in (0, 5, 8, 13, 13)]


def test_the_first_piece_is_there_before_the_last_is_made(person: Person, talk: str, model: OpenAiServer) -> None:
    model.script = [Act(("First.",), after="hang")]
    with stream(person, talk) as answer:
        found = events_of(answer.iter_lines())
        assert [next(found)[0], next(found)[1]["text"]] == ["message", "First."]
        assert newest(person, talk)["status"] == "streaming"


def test_whoever_leaves_ends_the_call_and_finds_what_they_saw(person: Person, talk: str, model: OpenAiServer) -> None:
    """L-14"""
    model.script = [Act(("Half ",), after="hang")]
    with stream(person, talk) as answer:
        found = events_of(answer.iter_lines())
        next(found)
        assert next(found)[1]["text"] == "Half "
    assert model.gone.wait(10)
    wait_for(lambda: newest(person, talk)["status"] != "streaming", 10)
    left = newest(person, talk)
    assert (left["content"], left["status"], left["finish_reason"]) == ("Half ", "incomplete", "stopped")


@pytest.mark.parametrize(
    ("act", "code"),
    [
        (Act(("Half ",), after="cut"), "model_unavailable"),
        (Act(("Half ",), reason="content_filter"), "content_blocked"),
    ],
    ids=["cut", "blocked"],
)
def test_a_model_that_fails_half_way_ends_in_an_error_event(
    person: Person, talk: str, model: OpenAiServer, act: Act, code: str
) -> None:
    """L-12"""
    model.script = [act]
    with stream(person, talk) as answer:
        found = list(events_of(answer.iter_lines()))
    name, data, _ = found[-1]
    assert (name, data["code"], data["reply"]["content"], data["reply"]["status"]) == (
        "error",
        code,
        "Half ",
        "incomplete",
    )
    assert newest(person, talk) == data["reply"]


def test_a_model_that_fails_before_the_first_word_is_a_problem(person: Person, talk: str, model: OpenAiServer) -> None:
    """L-12: the user's message stays."""
    model.script = [Act(status=400)]
    answer = person.post(f"/v1/conversations/{talk}/messages", {"content": "Hello?"})
    assert (answer.status_code, answer.json()["code"]) == (502, "model_refused")
    stored = person.get(f"/v1/conversations/{talk}/messages").json()["data"]
    assert [(m["role"], m["content"], m["status"]) for m in stored] == [
        ("assistant", "", "incomplete"),
        ("user", "Hello?", "complete"),
    ]


def test_a_lost_connection_is_resumed_at_each_event(person: Person, talk: str, model: OpenAiServer) -> None:
    """No piece is lost, and none comes twice."""
    with stream(person, talk) as answer:
        found = list(events_of(answer.iter_lines()))
    before = ""
    for name, data, at in found[:-1]:
        before += data["text"] if name == "delta" else ""
        with stream(person, talk, **{"Last-Event-ID": at}) as again:
            rest = list(events_of(again.iter_lines()))
        assert before + "".join(d["text"] for n, d, _ in rest if n == "delta") == "Good morning."
        assert rest[-1] == found[-1]
    assert len(model.seen) == 1
    with stream(person, talk, **{"Last-Event-ID": "nonsense"}) as refused:
        refused.read()
        assert (refused.status_code, refused.json()["code"]) == (422, "bad_event_id")


def test_a_repeated_request_is_answered_once(person: Person, talk: str, model: OpenAiServer) -> None:
    texts = []
    for _ in range(2):
        with stream(person, talk, **{"Idempotency-Key": "k1"}) as answer:
            found = list(events_of(answer.iter_lines()))
        texts.append("".join(data["text"] for name, data, _ in found if name == "delta"))
    sent = [
        person.post(f"/v1/conversations/{talk}/messages", {"content": "And?"}, headers={"Idempotency-Key": "k2"}).json()
        for _ in range(2)
    ]
    assert texts == ["Good morning."] * 2
    assert sent[0] == sent[1]
    assert len(model.seen) == 2
    assert person.get(f"/v1/conversations/{talk}").json()["message_count"] == 4


def test_an_attached_transcript_reaches_the_model_as_data_and_is_cited(
    person: Person, talk: str, model: OpenAiServer
) -> None:
    """L-01: and only one's own."""
    job = person.ended(person.transcribe(spoken_wav()))
    segment = person.segments(job)[0]
    minutes, seconds = divmod(int(segment["start"]), 60)
    mark = f"[{minutes:02}:{seconds:02}]"
    model.script = [Act(("It says so ", mark, "."))]
    attached = {"content": "What is said?", "attachments": [{"type": "transcription", "id": job["id"]}]}
    reply = person.post(f"/v1/conversations/{talk}/messages", attached).json()["reply"]
    asked = model.seen[-1]["messages"]
    assert segment["text"].strip() in asked[-2]["content"]
    assert asked[-2]["role"] == "user"
    assert segment["text"].strip() not in asked[0]["content"]
    (cited,) = reply["citations"]
    assert (cited["kind"], cited["id"], cited["start"]) == ("transcript", job["id"], segment["start"])
    assert cited["quote"] in segment["text"]
    stranger = Person.register(person.http)
    own = stranger.post("/v1/conversations", {}).json()["id"]
    refused = stranger.post(f"/v1/conversations/{own}/messages", attached)
    assert (refused.status_code, refused.json()["code"]) == (422, "unknown_attachment")
    offline = {"content": " ".join(segment["text"].split()[:6]), "model": "offline"}
    quoted = person.post(f"/v1/conversations/{talk}/messages", offline).json()["reply"]
    assert "I am offline" in quoted["content"]
    assert quoted["citations"][0]["id"] == job["id"]


def test_models_say_what_they_can_and_presets_keep_settings(person: Person) -> None:
    models = person.get("/v1/models").json()
    assert models["object"] == "list"
    assert [(m["id"], m["configured"]) for m in models["data"] if "chat" in m["capabilities"]] == [
        (MODEL, True),
        ("offline", True),
    ]
    made = person.post("/v1/presets", {"name": "Dry", "model": MODEL, "settings": {"temperature": 0}})
    assert made.status_code == 201
    assert person.get("/v1/presets").json()["data"] == [made.json()]
    assert person.delete(f"/v1/presets/{made.json()['id']}").status_code == 204
    assert person.delete(f"/v1/presets/{made.json()['id']}").status_code == 404
    unknown = person.post("/v1/conversations", {"model": "nobody"})
    assert (unknown.status_code, unknown.json()["code"]) == (422, "unknown_model")


def test_the_streaming_server_lets_nobody_in_by_a_header_of_their_own(person: Person, talk: str) -> None:
    """A-41: what the gateway says of the caller comes from the gateway."""
    stranger = Person.register(person.http)
    context = json.dumps({"authorizer": {"user_id": person.id}, "resourcePath": "/v1/conversations/{id}/messages"})
    with stream(stranger, talk, **{"x-amzn-request-context": context}) as answer:
        assert answer.status_code == 404
    no_token = person.http.post(
        f"/v1/conversations/{talk}/messages", json={}, headers={"x-amzn-request-context": context}
    )
    assert no_token.status_code == 401


def test_a_killed_server_leaves_what_was_written_and_comes_back(
    stack: LocalStack, person: Person, talk: str, model: OpenAiServer
) -> None:
    model.script = [Act(("Half ", "an ", "answer "), pause=0.4, after="hang"), GREETING]
    with stream(person, talk) as answer:
        found = events_of(answer.iter_lines())
        seen = [next(found) for _ in range(4)]
        stack.kill("stream")
        with pytest.raises(httpx.TransportError):
            list(found)
    assert seen[-1][1]["text"] == "answer "
    stored = newest(person, talk)
    assert stored["content"]
    assert "Half an answer ".startswith(stored["content"])

    def answers() -> bool:
        return person.post(f"/v1/conversations/{talk}/messages", {"content": "Again?"}).status_code == 201

    wait_for(answers, 30)


def test_a_conversation_leaves_as_a_file(person: Person, talk: str, model: OpenAiServer) -> None:
    """L-07, A-42"""
    person.post(f"/v1/conversations/{talk}/messages", {"content": "=1+1 <b>"})
    where = f"/v1/conversations/{talk}/export"
    whole = person.get(where)
    assert [m["content"] for m in whole.json()["messages"]] == ["=1+1 <b>", "Good morning."]
    assert "attachment" in whole.headers["Content-Disposition"]
    seen = {"md": "=1+1 <b>", "txt": "=1+1 <b>", "csv": "'=1+1 <b>", "html": "=1+1 &lt;b&gt;"}
    for format, text in seen.items():
        answer = person.get(f"{where}?format={format}")
        assert text in answer.text
        assert answer.headers["Content-Type"].startswith("text/")
        assert (
            person.http.post(
                f"{where}?format={format}", headers={"Authorization": f"Bearer {person.token}", "Idempotency-Key": "k"}
            ).text
            == answer.text
        )
    assert person.get(f"{where}?format=docx").status_code == 422
    assert Person.register(person.http).get(where).status_code == 404


def test_what_was_said_is_in_no_log(stack: LocalStack, person: Person, talk: str, model: OpenAiServer) -> None:
    """L-16: counts, latency, model and finish reason are."""
    model.script = [Act(("kumquat-answer",))]
    person.post(f"/v1/conversations/{talk}/messages", {"content": "kumquat-question"})
    person.get("/v1/search?q=kumquatsearch")
    run = person.post(f"/v1/conversations/{talk}/runs", {"content": "kumquat-run"}).json()["id"]
    wait_for(lambda: person.get(f"/v1/runs/{run}").json()["status"] == "succeeded", 60)
    logs = "".join(path.read_text(errors="replace") for path in (stack.home.path / "logs").glob("*.log"))
    assert run in logs
    assert "kumquat" not in logs

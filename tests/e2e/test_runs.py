"""Runs end to end: a model that calls tools, jobs that a run waits for, a recording that is answered aloud."""

from __future__ import annotations

import time
from typing import Any

import httpx
import pytest

from infra.local.person import Person, upload
from infra.local.receiver import Receiver
from infra.local.recordings import spoken_wav
from tests.e2e.test_media import media, wav
from tests.model_servers import Act, OpenAiServer


@pytest.fixture
def talk(person: Person) -> str:
    return str(person.post("/v1/conversations", {}).json()["id"])


def start(person: Person, talk: str, **body: Any) -> str:
    begun = person.post(f"/v1/conversations/{talk}/runs", body)
    assert begun.status_code == 202, begun.text
    assert begun.headers["Location"] == f"/v1/runs/{begun.json()['id']}"
    return str(begun.json()["id"])


def ended(person: Person, run: str, seconds: float = 90) -> dict[str, Any]:
    deadline = time.monotonic() + seconds
    while True:
        seen: dict[str, Any] = person.get(f"/v1/runs/{run}").json()
        if seen["status"] in ("succeeded", "failed", "canceled"):
            return seen
        assert time.monotonic() < deadline, seen
        time.sleep(0.2)


def recording(person: Person) -> str:
    sound = spoken_wav()
    wanted = {"filename": "q.wav", "content_type": "audio/wav", "size": len(sound), "purpose": "transcription"}
    made = person.post("/v1/uploads", wanted).json()
    assert upload(made, sound).status_code == 204
    return str(made["id"])


def test_a_run_takes_steps_and_answers(person: Person, talk: str, model: OpenAiServer, receiver: Receiver) -> None:
    """The model calls two tools at once; the second of them is not allowed."""
    person.post("/v1/webhooks", {"url": receiver.url, "events": ["run.*"]})
    model.script = [
        Act(("Let me compute. ",), calls=(("calculate", {"expression": "17*23"}), ("transcribe", {"media_id": "x"}))),
        Act(("It is 391.",)),
    ]
    run = ended(person, start(person, talk, content="What is 17 times 23?", tools=["calculate"]))
    assert (run["status"], run["answer"], run["progress"]) == ("succeeded", "It is 391.", 100)
    computed, refused = run["steps"][0]["calls"]
    assert (computed["result"], refused["status"]) == ("17*23 = 391", "failed")
    assert [t["function"]["name"] for t in model.seen[0]["tools"]] == ["calculate"]
    newest, first = person.get(f"/v1/conversations/{talk}/messages").json()["data"]
    assert (newest["id"], newest["content"], first["id"]) == (run["reply_id"], "It is 391.", run["message_id"])
    assert person.get(f"/v1/conversations/{talk}").json()["message_count"] == 2
    assert receiver.wait_for("run.succeeded").json["data"]["id"] == run["id"]
    assert [r["id"] for r in person.get(f"/v1/runs?conversation_id={talk}").json()["data"]] == [run["id"]]
    assert person.get("/v1/me/usage").json()["tokens"] > 0


def test_a_model_that_fails_fails_the_run(person: Person, talk: str, model: OpenAiServer) -> None:
    model.script = [Act(status=400)]
    run = ended(person, start(person, talk, content="Hello?"))
    assert (run["status"], run["error"]["code"], run["reply_id"]) == ("failed", "model_refused", None)
    assert len(person.get(f"/v1/conversations/{talk}/messages").json()["data"]) == 1
    refused = person.post(f"/v1/runs/{run['id']}/cancel")
    assert (refused.status_code, refused.json()["code"]) == (409, "run_ended")


def test_a_question_by_voice_is_heard_answered_and_spoken(person: Person, talk: str, model: OpenAiServer) -> None:
    model.script = [Act(("Good morning to you.",))]
    media = recording(person)
    run_id = start(
        person, talk, attachments=[{"type": "audio", "id": media}], speak={"format": "wav"}, metadata={"from": "phone"}
    )
    run = ended(person, run_id)
    assert run["status"] == "succeeded", run["error"]
    assert run["metadata"] == {"from": "phone"}
    newest, first = person.get(f"/v1/conversations/{talk}/messages").json()["data"]
    heard = run["steps"][0]["calls"][0]
    assert (first["type"], first["content"]) == ("audio", heard["result"])
    assert model.seen[-1]["messages"][-1]["content"] == heard["result"]
    assert person.get(heard["output"]["link"]).json()["status"] == "succeeded"
    (part,) = newest["parts"]
    spoken = person.get(f"/v1/speech/{part['speech_id']}").json()
    assert (spoken["status"], spoken["format"]) == ("succeeded", "wav")
    # By now the recording is transcribed, and goes with a plain message too.
    about = {"content": "What did I say?", "attachments": [{"type": "audio", "id": media}]}
    sent = person.post(f"/v1/conversations/{talk}/messages", about)
    assert (sent.status_code, sent.json()["message"]["type"]) == (201, "audio"), sent.text
    passages, question = (m["content"] for m in model.seen[-1]["messages"][-2:])
    assert (passages.partition("\n")[0], question) == ("<passages>", "What did I say?")
    assert max(heard["result"].split(), key=len) in passages


def test_a_run_is_canceled_while_it_waits_and_while_its_model_talks(
    person: Person, talk: str, model: OpenAiServer
) -> None:
    model.script = [Act(("a", "b"), pause=20)]
    run = start(person, talk, content="Talk for long.")
    model_asked = time.monotonic() + 60
    while not model.seen:
        assert time.monotonic() < model_asked
        time.sleep(0.1)
    assert person.post(f"/v1/runs/{run}/cancel").json()["status"] == "canceled"
    assert ended(person, run)["status"] == "canceled"
    assert len(person.get(f"/v1/conversations/{talk}/messages").json()["data"]) == 1


def test_the_agent_searches_what_the_user_has(person: Person, talk: str, model: OpenAiServer) -> None:
    """L-01, L-03: as data, with the user's own rights."""
    job = person.ended(person.transcribe(spoken_wav()))
    segment = person.segments(job)[0]
    word = max(segment["text"].split(), key=len).strip(".,")
    deadline = time.monotonic() + 30
    while not person.get(f"/v1/search?q={word}&in=transcripts").json()["data"]:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    minutes, seconds = divmod(int(segment["start"]), 60)
    mark = f"[{minutes:02}:{seconds:02}]"
    model.script = [Act(calls=(("search", {"query": word}),)), Act((f"It says so {mark}.",))]
    run = ended(person, start(person, talk, content="What was said?"))
    assert run["status"] == "succeeded", run
    tool = model.seen[-1]["messages"][-1]
    assert tool["role"] == "tool"
    assert tool["content"].startswith("<passages>")
    (cited,) = person.get(f"/v1/conversations/{talk}/messages").json()["data"][0]["citations"]
    assert (cited["id"], cited["start"]) == (job["id"], segment["start"])


def test_a_chart_is_drawn_from_what_was_said(person: Person, talk: str, model: OpenAiServer) -> None:
    """Without any model: the prefix forces it, and the numbers stand in an earlier message."""
    model.script = [Act(("Two pictures.",))]
    person.post(f"/v1/conversations/{talk}/messages", {"content": "Jan: 10, Feb: 20, Mar: 15", "model": "offline"})
    run = ended(person, start(person, talk, content="chart: our sales", model="offline"))
    assert run["status"] == "succeeded", run["error"]
    (part,) = person.get(f"/v1/conversations/{talk}/messages").json()["data"][0]["parts"]
    for made, magic in ((part["media_id"], b"\x89PNG"), (part["svg_media_id"], b"<?xml")):
        item = person.get(f"/v1/media/{made}").json()
        assert item["status"] == "ready"
        assert httpx.get(item["url"], trust_env=False).content.startswith(magic)
    # A model that sees gets to see it, in a message and in a run; so with an image that was uploaded.
    picture = b"\x89PNG\r\n\x1a\n" + b"0" * 100
    wanted = {"filename": "a.png", "content_type": "image/png", "size": len(picture), "purpose": "chat"}
    uploaded = person.post("/v1/uploads", wanted).json()
    assert upload(uploaded, picture).status_code == 204
    there = time.monotonic() + 30
    while person.get(f"/v1/media/{uploaded['id']}").json()["status"] != "ready":
        assert time.monotonic() < there
        time.sleep(0.1)
    images = [{"type": "image", "id": each} for each in (part["media_id"], uploaded["id"])]
    asked = {"content": "What is on them?", "attachments": images}
    sent = person.post(f"/v1/conversations/{talk}/messages", asked)
    assert (sent.status_code, sent.json()["message"]["type"]) == (201, "image"), sent.text
    assert ended(person, start(person, talk, **asked))["status"] == "succeeded"
    for body in model.seen[-2:]:
        (seen,) = [m["content"] for m in body["messages"] if isinstance(m["content"], list)]
        assert [each["type"] for each in seen] == ["text", "image_url", "image_url"]
    for made in (part["media_id"], part["svg_media_id"]):
        assert person.delete(f"/v1/media/{made}").json()["objects"] == 1
    other = str(person.post("/v1/conversations", {}).json()["id"])
    nothing = ended(person, start(person, other, content="plot: nothing", model="offline"))
    assert (nothing["status"], nothing["error"]["code"]) == ("failed", "nothing_to_plot")


def test_a_device_does_what_a_run_asks_once_its_user_says_yes(person: Person, talk: str, model: OpenAiServer) -> None:
    """L-03: the yes is for the very arguments."""
    action = {"action": "unlock", "parameters": {"type": "object", "properties": {"door": {"type": "string"}}}}
    wanted = {"name": "Door", "platform": "other", "capabilities": [{**action, "sensitive": True}]}
    registered = person.post("/v1/devices", wanted)
    assert registered.status_code == 201, registered.text
    device = registered.json()
    call = {"device_id": device["id"], "action": "unlock", "arguments": {"door": "front"}}
    model.script = [Act(calls=(("device", {}),)), Act(calls=(("device", call),)), Act(("It is open.",))]
    run = start(person, talk, content="Open the door.")
    deadline = time.monotonic() + 60
    while True:
        seen = person.get(f"/v1/runs/{run}").json()
        waiting = [c for s in seen["steps"] for c in s["calls"] if c["status"] == "waiting"]
        if waiting:
            break
        assert time.monotonic() < deadline, seen
        time.sleep(0.2)
    assert '"Door"' in model.seen[1]["messages"][-1]["content"]
    as_device = {"Authorization": f"Bearer {device['key']}"}
    polled = person.http.get(f"/v1/devices/{device['id']}/commands", headers=as_device)
    assert polled.json()["data"] == []
    assert person.post(waiting[0]["output"]["confirm"]).status_code == 200
    (command,) = person.http.get(f"/v1/devices/{device['id']}/commands?wait=5", headers=as_device).json()["data"]
    assert command["arguments"] == {"door": "front"}
    done = person.http.post(
        f"{waiting[0]['output']['link']}/result",
        json={"status": "succeeded", "result": {"open": True}},
        headers=as_device,
    )
    assert done.status_code == 200, done.text
    finished = ended(person, run)
    assert (finished["status"], finished["answer"]) == ("succeeded", "It is open.")


def test_a_recording_is_edited_by_a_run(person: Person, talk: str, model: OpenAiServer) -> None:
    item = media(person, wav(2))
    call = {"media_id": item["id"], "command": "keep the first second and reverse"}
    model.script = [Act(calls=(("edit_audio", call),)), Act(("Done.",))]
    run = ended(person, start(person, talk, content="Shorten it."))
    assert run["status"] == "succeeded", run
    (part,) = person.get(f"/v1/conversations/{talk}/messages").json()["data"][0]["parts"]
    assert person.get(f"/v1/media/{part['media_id']}").json()["facts"]["duration"] == pytest.approx(1, abs=0.01)

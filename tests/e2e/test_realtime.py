"""Events, answers and commands over `/ws`, as clients see them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from infra.local.person import Person
from infra.local.recordings import spoken_wav
from infra.local.stack import LocalStack

WAIT = 60


class Line:
    """One connection."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    def say(self, action: str, **message: Any) -> None:
        self.socket.send(json.dumps({"action": action, **message}))

    def hear(self) -> dict[str, Any]:
        frame: dict[str, Any] = json.loads(self.socket.recv(timeout=WAIT))
        return frame

    def until(self, *types: str) -> list[dict[str, Any]]:
        """All frames up to the first of one of these types."""
        found = [self.hear()]
        while found[-1]["type"] not in types:
            found.append(self.hear())
        return found

    def ask(self, action: str, **message: Any) -> dict[str, Any]:
        """The answer to this very message."""
        ref = f"{action}-{len(message)}"
        self.say(action, ref=ref, **message)
        while (frame := self.hear()).get("ref") != ref:
            pass
        return frame


@contextmanager
def line(stack: LocalStack, token: str, **options: Any) -> Iterator[Line]:
    address = f"{stack.url.replace('http', 'ws', 1)}/ws"
    with connect(address, subprotocols=["antiphon.v1", f"bearer.{token}"], proxy=None, **options) as socket:  # type: ignore[list-item]
        assert socket.subprotocol == "antiphon.v1"
        yield Line(socket)


def test_a_transcription_is_seen_from_its_beginning_to_its_end(stack: LocalStack, person: Person) -> None:
    """And a client that comes back gets what it missed, in order; another user gets nothing."""
    stranger = Person.register(person.http)
    with line(stack, person.token, origin=stack.url) as here, line(stack, stranger.token) as there:
        assert here.ask("subscribe", channels=["jobs"])["channels"] == ["jobs"]
        there.ask("subscribe", channels=["jobs"])
        job = person.transcribe(spoken_wav())
        seen = here.until("transcription.succeeded", "transcription.failed")
        own = [f for f in seen if f["data"]["id"] == job["id"]]
        assert seen[-1]["type"] == "transcription.succeeded"
        assert [f["data"]["sequence"] for f in own] == sorted({f["data"]["sequence"] for f in own})
        assert own[0]["id"].startswith("evt_")
        assert there.ask("ping")["type"] == "pong"
        spoken = person.speak("Hello.")
    with line(stack, person.token) as again:
        again.say("subscribe", channels=["jobs"], since=own[0]["id"])
        told = again.until("caught_up")
        events = [f for f in told if "id" in f]
        assert own[-1]["id"] in [f["id"] for f in events]
        assert [f["id"] for f in events] == sorted(f["id"] for f in events)
        assert any(f["data"]["id"] == spoken["id"] for f in events)


def test_who_may_not_listen_is_refused(stack: LocalStack, person: Person) -> None:
    """A-29, A-41: no token, a bad one, a foreign page; another user's conversation."""
    stranger = Person.register(person.http)
    theirs = stranger.post("/v1/conversations", {}).json()["id"]
    for token, options in (("nonsense", {}), (person.token, {"origin": "https://evil.example"})):
        with pytest.raises(InvalidStatus) as refused, line(stack, token, **options):
            pass
        assert refused.value.response.status_code in (401, 403)
    with line(stack, person.token) as here:
        refusal = here.ask("subscribe", channels=[theirs])
        assert (refusal["type"], refusal["status"], refusal["code"]) == ("error", 404, "not_found")
        assert here.ask("dance")["code"] == "invalid_request"


@pytest.mark.parametrize(
    ("frames", "taken"),
    [
        (["x" * 32 * 1024] * 3, True),
        (["x" * (32 * 1024 + 1)], False),
        (["x" * 32 * 1024] * 4 + ["x"], False),
    ],
)
def test_a_message_has_frames_of_32_kb_and_128_kb_in_all(
    stack: LocalStack, person: Person, frames: list[str], taken: bool
) -> None:
    """A-29"""
    with line(stack, person.token) as here:

        def answer() -> dict[str, Any]:
            here.socket.send(frames)  # the refusal may be heard of while the last frames are sent
            found: dict[str, Any] = json.loads(here.socket.recv(timeout=WAIT))
            return found

        if taken:
            assert answer()["code"] == "invalid_request"
            return
        with pytest.raises(ConnectionClosed) as closed:
            answer()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1009


def test_an_answer_streams_to_who_asked_and_other_tabs_hear_of_it(stack: LocalStack, person: Person) -> None:
    talk = person.post("/v1/conversations", {}).json()["id"]
    with line(stack, person.token) as here, line(stack, person.token) as tab:
        tab.ask("subscribe", channels=[talk])
        here.say("send", conversation_id=talk, content="Hello.", ref="q")
        message, *deltas, done = here.until("done", "error")
        assert (message["type"], done["type"], done["ref"]) == ("message", "done", "q")
        assert "".join(d["text"] for d in deltas) == done["reply"]["content"] == "Good morning."
        (reply, asked) = person.get(f"/v1/conversations/{talk}/messages").json()["data"]
        assert (reply["content"], asked["content"]) == ("Good morning.", "Hello.")
        heard = [tab.hear(), tab.hear()]
        assert [(f["type"], f["data"]["role"]) for f in heard] == [
            ("message.created", "user"),
            ("message.created", "assistant"),
        ]
        assert here.ask("send", conversation_id=talk, content=" ")["status"] == 422


@pytest.mark.parametrize("end", ["session", "key"])
def test_a_connection_ends_with_what_opened_it(stack: LocalStack, person: Person, end: str) -> None:
    """A-29, A-24"""
    if end == "session":
        (session,) = person.get("/v1/auth/sessions").json()["data"]
        token, path = person.token, f"/v1/auth/sessions/{session['id']}"
    else:
        made = person.post("/v1/api-keys", {"name": "k", "scopes": ["chat:read"]}).json()
        token, path = made["key"], f"/v1/api-keys/{made['id']}"
    with line(stack, token) as here:
        assert here.ask("ping")["type"] == "pong"
        assert person.delete(path).status_code == 204
        here.say("ping")
        assert here.until("error")[-1]["code"] == "unauthorized"
        with pytest.raises(ConnectionClosed):
            here.socket.recv(timeout=WAIT)


def test_a_device_takes_its_commands_over_a_connection(stack: LocalStack, person: Person) -> None:
    wanted = {"name": "Phone", "platform": "android", "capabilities": [{"action": "ring"}]}
    device = person.post("/v1/devices", wanted).json()
    commands = f"/v1/devices/{device['id']}/commands"
    with line(stack, device["key"]) as phone, line(stack, person.token) as owner:
        assert phone.ask("take")["count"] == 0
        owner.ask("subscribe", channels=[device["id"]])
        sent = person.post(commands, {"action": "ring"}).json()
        command = phone.hear()
        assert (command["type"], command["data"]["id"], command["data"]["status"]) == (
            "command",
            sent["id"],
            "delivered",
        )
        assert phone.ask("acknowledge", command_id=sent["id"])["data"]["status"] == "acknowledged"
        finished = phone.ask("result", command_id=sent["id"], status="succeeded", result={"rang": True})
        assert finished["data"]["status"] == "succeeded"
        assert [f["type"] for f in owner.until("device.command.succeeded")] == [
            "device.command.pending",
            "device.command.succeeded",
        ]
    assert person.get(f"{commands}/{sent['id']}").json()["result"] == {"rang": True}

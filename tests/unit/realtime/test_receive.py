"""What a client says: who may hear what, how much, and for how long."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from antiphon.platform.errors import Forbidden, Unauthorized
from antiphon.platform.ids import new_id
from antiphon.platform.request import Caller
from antiphon.realtime.connect import SweepConnections
from antiphon.realtime.model import (
    MAX_CHANNELS,
    MAX_CONNECTIONS,
    MAX_MESSAGE,
    MESSAGES,
    SCOPES,
    kind_of,
    token_of,
)
from antiphon.realtime.ports import Replay
from antiphon.webhooks.model import EVENT_TYPES
from tests.unit.conftest import HeldClock
from tests.unit.realtime.conftest import RUN, TALK, THEIRS, ULID, House


def test_the_token_is_a_subprotocol_beside_our_own() -> None:
    """A-29, A-26: the token stands in no address."""
    assert token_of("antiphon.v1, bearer.a.b-c_d") == "a.b-c_d"
    for offered in (
        "",
        "antiphon.v1",
        "bearer.x",
        "antiphon.v1, bearer.",
        "antiphon.v1, bearer.x, bearer.y",
        "Bearer x",
    ):
        with pytest.raises(Unauthorized):
            token_of(offered)


def test_a_client_is_answered_under_its_own_name_of_what_it_asked(house: House, clock: HeldClock) -> None:
    house.open()
    house.say("c1", action="ping", ref="a")
    house.say("c1", action="subscribe", channels=["jobs", TALK, RUN], ref="b")
    house.say("c1", action="unsubscribe", channels=["jobs"])
    assert house.frames() == [
        {"type": "pong", "timestamp": "2026-11-20T12:00:00.000Z", "ref": "a"},
        {"type": "subscribed", "channels": [TALK, "jobs", RUN], "ref": "b"},
        {"type": "unsubscribed", "channels": ["jobs"]},
    ]
    assert house.connections.of_user("usr_1")[0].channels == {TALK, RUN}


@pytest.mark.parametrize("channel", [THEIRS, f"conv_{ULID[:-1]}Z", f"run_{ULID[:-1]}Z", f"dev_{ULID}"])
def test_another_users_channel_is_an_error_and_changes_nothing(house: House, channel: str) -> None:
    """A-29, A-41: the same as for one that nobody has."""
    house.open()
    assert house.say("c1", action="subscribe", channels=["jobs", channel]).code == "not_found"
    (frame,) = house.frames()
    assert (frame["type"], frame["status"], frame["code"]) == ("error", 404, "not_found")
    assert not house.connections.of_user("usr_1")[0].channels


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ("{", "invalid_request", ""),
        ("[1]", "invalid_request", ""),
        ("{}", "invalid_request", "action"),
        ('{"action": "dance"}', "invalid_request", "action"),
        ('{"action": "ping", "loud": true}', "invalid_request", "loud"),
        ('{"action": "ping", "ref": 7}', "invalid_request", "ref"),
        ('{"action": "subscribe"}', "invalid_request", "channels"),
        ('{"action": "subscribe", "channels": []}', "invalid_request", "channels"),
        ('{"action": "subscribe", "channels": ["jobs", "everything"]}', "invalid_request", "channels[1]"),
        ('{"action": "subscribe", "channels": ["jobs"], "since": "yesterday"}', "invalid_request", "since"),
        ('{"action": "send", "conversation_id": "x", "content": "y"}', "invalid_request", "conversation_id"),
    ],
)
def test_what_cannot_be_understood_is_named(house: House, body: str, code: str, field: str) -> None:
    house.open()
    house.receive("usr_1", "c1", body, "req_1")
    (frame,) = house.frames()
    assert (frame["code"], [e["field"] for e in frame["errors"]]) == (code, [field])


def test_a_message_has_a_bound(house: House) -> None:
    """A-29"""
    house.open()
    house.receive("usr_1", "c1", json.dumps({"action": "ping", "ref": "x" * MAX_MESSAGE}), "req_1")
    assert house.frames()[0]["code"] == "too_large"


def test_a_connection_says_at_most_so_much_in_a_minute(house: House, clock: HeldClock) -> None:
    """A-29"""
    house.open()
    clock.move(seconds=15)
    codes = [house.say("c1", action="ping").code for _ in range(MESSAGES + 2)]
    assert codes == [None] * MESSAGES + ["rate_limited"] * 2
    assert house.frames()[-1]["retry_after"] == 45
    clock.move(seconds=45)
    assert house.say("c1", action="ping").code is None


def test_a_user_has_so_many_connections_and_a_further_one_ends_the_oldest(house: House, clock: HeldClock) -> None:
    for number in range(MAX_CONNECTIONS + 1):
        clock.move(seconds=1)
        house.open(f"c{number}")
    house.open("other", "usr_2")
    assert house.sockets.closed == ["c0"]
    assert house.frames("c0")[0]["code"] == "replaced"
    assert len(house.connections.of_user("usr_1")) == MAX_CONNECTIONS


def test_channels_have_a_bound(house: House) -> None:
    house.open()
    (connection,) = house.connections.of_user("usr_1")
    house.connections.listen(connection, {f"x{n}" for n in range(MAX_CHANNELS)}, waiting=False)
    assert house.say("c1", action="subscribe", channels=[TALK]).code == "too_many_channels"


def test_a_connection_ends_with_its_token(house: House, clock: HeldClock) -> None:
    """A-29: with the first message after that, and without one by the sweep."""
    for name in ("c1", "c2", "c3"):
        house.open(name, expires_at=clock() + timedelta(minutes=15 if name != "c3" else 20))
    clock.move(minutes=15)
    assert house.say("c1", action="ping").code == "unauthorized"
    assert [f["code"] for f in house.frames("c1")] == ["token_expired"]
    sweep = SweepConnections(house.connections, house.sockets, clock)
    assert (sweep(), house.sockets.closed) == (1, ["c1", "c2"])
    assert (house.frames("c2")[0]["code"], sweep()) == ("token_expired", 0)
    assert house.say("c2", action="ping").code == "gone"


@pytest.mark.parametrize("key", [False, True])
def test_what_was_ended_is_heard_of_within_a_minute(house: House, clock: HeldClock, key: bool) -> None:
    """A-29, A-24: and not looked at with every message."""
    name = house.open_key("chat:read") if key else house.open()
    house.sessions.ended.add("hash" if key else "ses_c1")
    clock.move(seconds=59)
    assert (house.say(name, action="ping").code, house.sessions.looked) == (None, 0)
    clock.move(seconds=1)
    assert house.say(name, action="ping").code == "unauthorized"
    assert ([f["type"] for f in house.frames(name)], house.sockets.closed) == (["pong", "error"], [name])
    assert house.connections.of_user("usr_1") == []


def test_a_session_that_is_good_is_looked_at_once_a_minute(house: House, clock: HeldClock) -> None:
    house.open()
    for _ in range(10):
        clock.move(seconds=30)
        assert house.say("c1", action="ping").code is None
    assert house.sessions.looked == 5


def test_a_key_that_lost_a_scope_is_held_to_what_it_has(house: House, clock: HeldClock) -> None:
    name = house.open_key("chat:read")
    house.sessions.scopes["hash"] = "speech:read"
    clock.move(minutes=1)
    assert house.say(name, action="subscribe", channels=[TALK]).code == "insufficient_scope"


def test_a_connection_whose_row_is_gone_is_closed(house: House) -> None:
    """U-40: that of an erased account, say."""
    assert house.say("c9", action="ping").code == "gone"
    assert house.sockets.closed == ["c9"]


def test_who_may_not_come_in_any_more_gets_no_connection(house: House) -> None:
    house.connections.unwelcome.add("usr_1")
    with pytest.raises(Forbidden):
        house.open()


@pytest.mark.parametrize(
    ("scopes", "channel", "code"),
    [
        (("chat:read",), TALK, None),
        (("chat:read",), RUN, None),
        (("chat:read",), "conversations", None),
        (("speech:read",), "conversations", "insufficient_scope"),
        (("speech:read",), "jobs", None),
        (("speech:read",), TALK, "insufficient_scope"),
        (("chat:write",), "jobs", "insufficient_scope"),
    ],
)
def test_a_key_hears_what_its_scopes_say(house: House, scopes: tuple[str, ...], channel: str, code: str | None) -> None:
    """A-38"""
    assert house.say(house.open_key(*scopes), action="subscribe", channels=[channel]).code == code


def test_every_event_that_a_webhook_gets_has_a_scope_here() -> None:
    assert {name.partition(".")[0] for name in EVENT_TYPES} <= set(SCOPES)


def test_a_replay_goes_through_the_queue_and_reaches_back_a_day(house: House, clock: HeldClock) -> None:
    house.open()
    seen = house.event("speech.queued")
    assert house.say("c1", action="subscribe", channels=["jobs"], since=seen.id).code is None
    assert [f["type"] for f in house.frames()] == ["subscribed"]
    (replay,) = house.queue.sent
    assert isinstance(replay, Replay)
    assert replay.after < seen.id
    (connection,) = house.connections.of_user("usr_1")
    assert (connection.channels, connection.waiting) == (set(), {"jobs"})
    clock.move(hours=24, seconds=1)
    house.open("c2")
    assert house.say("c2", action="subscribe", channels=["jobs"], since=seen.id).code == "since_too_old"


def test_a_question_goes_to_its_queue_and_into_the_audit_log(house: House) -> None:
    house.open()
    settings: dict[str, Any] = {"temperature": 0}
    house.say("c1", action="send", conversation_id=TALK, content="Hello.", settings=settings, ref="q")
    (question,) = house.questions.sent
    assert (question.user_id, question.connection_id, question.conversation_id, question.ref) == (
        "usr_1",
        "c1",
        TALK,
        "q",
    )
    assert question.body == {"content": "Hello.", "settings": settings}
    (entry,) = house.audit.entries.values()
    assert (entry.action, entry.outcome, entry.target) == ("message.create", "202", TALK)
    assert house.say("c1", action="send", conversation_id=THEIRS, content="Hello.").code == "not_found"
    assert len(house.questions.sent) == 1


def test_a_question_with_a_key_is_asked_once(house: House) -> None:
    house.open()
    for content in ("Hello.", "Hello.", "Another one."):
        house.say("c1", action="send", conversation_id=TALK, content=content, key="k")
    first, again = house.questions.sent
    assert first.seed == again.seed
    assert [f["code"] for f in house.frames()] == ["idempotency_mismatch"]


def test_a_key_asks_with_its_scope_only(house: House) -> None:
    """A-38: and what was refused is in the audit log."""
    name = house.open_key("chat:read")
    assert house.say(name, action="send", conversation_id=TALK, content="Hello.").code == "insufficient_scope"
    (entry,) = house.audit.entries.values()
    assert entry.outcome == "insufficient_scope"
    assert not house.questions.sent


def test_a_device_takes_and_answers_its_commands(house: House) -> None:
    phone = house.open_phone()
    sent = house.commands.send("usr_1", house.phone.id, "ring", {})
    house.say(phone, action="take", ref="t")
    house.say(phone, action="acknowledge", command_id=sent.id)
    house.say(phone, action="result", command_id=sent.id, status="succeeded", result={"rang": True})
    taken, command, acknowledged, finished = house.frames(phone)
    assert taken == {"type": "taken", "count": 1, "ref": "t"}
    assert (command["type"], command["data"]["id"], command["data"]["status"]) == ("command", sent.id, "delivered")
    assert (acknowledged["type"], acknowledged["data"]["status"]) == ("acknowledged", "acknowledged")
    assert (finished["type"], finished["data"]["status"]) == ("finished", "succeeded")
    assert house.commands.get("usr_1", house.phone.id, sent.id).outcome is not None
    assert house.connections.of_user("usr_1")[0].channels == {house.phone.id}


def test_a_device_does_nothing_else_and_nobody_else_does_it(house: House) -> None:
    """A-38"""
    phone = house.open_phone()
    other = house.devices.register("usr_1", "Tablet", "android", house.phone.capabilities).device
    assert house.say(phone, action="subscribe", channels=["jobs"]).code == "device_key"
    assert house.say(phone, action="subscribe", channels=[TALK]).code == "device_key"
    assert house.say(phone, action="subscribe", channels=["conversations"]).code == "device_key"
    assert house.say(phone, action="subscribe", channels=[other.id]).code == "not_found"
    assert house.say(phone, action="send", conversation_id=TALK, content="x").code == "device_key"
    house.open()
    assert house.say("c1", action="take").code == "device_required"
    assert house.say("c1", action="acknowledge", command_id=new_id("cmd")).code == "device_required"


@pytest.mark.parametrize(
    "wrong",
    [
        {"status": "maybe"},
        {"status": "succeeded", "error": {"code": "x"}},
        {"status": "failed", "error": {"code": "NO"}},
        {"status": "failed", "error": {"code": "no", "loud": 1}},
        {"status": "succeeded", "result": [1]},
        {"status": "succeeded", "result": {"x": "y" * 65_536}},
    ],
)
def test_a_wrong_result_is_not_taken(house: House, wrong: dict[str, Any]) -> None:
    phone = house.open_phone()
    assert house.say(phone, action="result", command_id=new_id("cmd"), **wrong).code == "invalid_request"


def test_nobody_who_has_left_is_missed(house: House) -> None:
    house.open()
    house.door.left("usr_1", "c1")
    house.door.left("usr_1", "c1")
    assert (house.connections.of_user("usr_1"), house.sockets.closed) == ([], [])


def test_an_event_knows_its_kind(house: House) -> None:
    assert kind_of(house.event("device.command.pending")) == "device"
    assert Caller("usr_1", "free").device_id == ""

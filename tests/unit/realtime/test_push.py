"""Events on their way to connections: whose, in which order, how often, and what those do that take nothing."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from antiphon.platform.events import Event
from antiphon.platform.ids import derived_id
from antiphon.realtime.model import OVERLAP, coalesced
from antiphon.realtime.ports import News, Replay
from antiphon.realtime.push import BUDGET, PAGE, Push
from antiphon.realtime.tell import Tell
from tests.unit.conftest import HeldClock
from tests.unit.realtime.conftest import RUN, TALK, House


@pytest.fixture
def push(house: House) -> Iterator[Push]:
    with ThreadPoolExecutor(8) as pool:
        yield house.push(pool)


def listen(house: House, name: str, *channels: str, **more: Any) -> None:
    house.open(name, **more)
    house.say(name, action="subscribe", channels=list(channels or ["jobs"]))
    house.frames(name)


def ids(frames: list[Mapping[str, Any]]) -> list[str]:
    return [frame["id"] for frame in frames]


def test_a_frame_is_what_a_webhook_gets_with_the_id_of_the_event(house: House, push: Push) -> None:
    listen(house, "c1")
    event = house.event("speech.succeeded", status="succeeded", sequence=5)
    assert push([News(event)]) == 1
    data = {"id": event.data["id"], "status": "succeeded", "sequence": 5}
    assert house.frames() == [
        {"id": event.id, "type": "speech.succeeded", "timestamp": "2026-11-20T12:00:00.001Z", "data": data}
    ]


def test_events_go_to_those_who_listen_and_never_to_another_user(house: House, push: Push) -> None:
    listen(house, "jobs")
    listen(house, "talk", TALK)
    listen(house, "run", RUN)
    listen(house, "talks", "conversations")
    listen(house, "theirs", user="usr_2")
    house.open("deaf")
    job, said = house.event("speech.queued"), house.event("message.created", conversation_id=TALK, id="msg_1")
    ran = house.event("run.progress", conversation_id=TALK, id=RUN)
    push([News(event) for event in (job, said, ran)])
    assert ids(house.frames("jobs")) == [job.id, ran.id]
    assert ids(house.frames("talk")) == [said.id, ran.id]
    assert ids(house.frames("run")) == [ran.id]
    assert ids(house.frames("talks")) == [said.id]
    assert house.sockets.frames == {}


def test_a_key_hears_only_of_what_it_may_read(house: House, push: Push) -> None:
    """A-38"""
    house.say(house.open_key("speech:read"), action="subscribe", channels=["jobs"])
    house.frames("k1")
    spoken, heard = house.event("speech.queued"), house.event("transcription.queued")
    push([News(spoken), News(heard)])
    assert ids(house.frames("k1")) == [spoken.id]


def test_progress_that_a_later_event_makes_old_is_left_out(house: House) -> None:
    first, second, other = house.event(), house.event(), house.event(id="job_2")
    ended, late = house.event("speech.succeeded"), house.event(id="job_2")
    assert coalesced([first, second, other]) == [second, other]
    assert coalesced([first, second, other, ended, late]) == [ended, late]


def test_progress_of_a_job_comes_at_most_twice_a_second(house: House, push: Push, clock: HeldClock) -> None:
    """Also when each comes in a batch of its own; what ends the job waits for nothing."""
    listen(house, "c1")
    at = []
    for _ in range(4):
        push([News(house.event())])
        at.append(clock())
    assert all(later - sooner >= timedelta(seconds=0.5) for sooner, later in pairwise(at))
    waited = len(house.waits)
    push([News(house.event("speech.succeeded")), News(house.event(id="job_2"))])
    assert (waited, len(house.waits), len(house.frames())) == (3, 3, 6)


def test_a_connection_that_is_gone_or_takes_nothing_is_ended_and_delays_nobody(house: House, push: Push) -> None:
    for name in ("gone", "slow", "c1"):
        listen(house, name)
    house.sockets.gone.add("gone")
    house.sockets.slow.add("slow")
    events = [house.event("speech.queued"), house.event("speech.started")]
    assert push([News(event) for event in events]) == 2
    assert ids(house.frames("c1")) == ids([{"id": e.id} for e in events])
    assert [c.id for c in house.connections.of_user("usr_1")] == ["c1"]
    assert set(house.sockets.closed) == {"gone", "slow"}


def test_a_connection_that_hangs_does_not_hold_up_the_others(house: House, push: Push) -> None:
    """The other one has its event while the first is still being waited for."""
    for name in ("hangs", "c1"):
        listen(house, name)
    others, post = threading.Event(), house.sockets.post

    def slowly(connection_id: str, frame: Mapping[str, Any]) -> None:
        if connection_id == "hangs":
            assert others.wait(10)
        post(connection_id, frame)
        if connection_id == "c1":
            others.set()

    house.sockets.post = slowly  # type: ignore[method-assign]
    assert push([News(house.event("speech.queued"))]) == 2


def test_a_connection_that_takes_its_time_is_ended_after_its_share(house: House, push: Push) -> None:
    listen(house, "c1")
    post = house.sockets.post

    def slowly(connection_id: str, frame: Mapping[str, Any]) -> None:
        house.ticks += BUDGET / 2
        post(connection_id, frame)

    house.sockets.post = slowly  # type: ignore[method-assign]
    assert push([News(house.event("speech.queued", id=f"job_{n}")) for n in range(5)]) == 2
    assert house.sockets.closed == ["c1"]


def test_nothing_is_pushed_after_the_token_or_the_session_has_ended(house: House, push: Push, clock: HeldClock) -> None:
    """A-29"""
    listen(house, "expired", expires_at=clock() + timedelta(seconds=90))
    listen(house, "ended")
    house.sessions.ended.add("ses_ended")
    clock.move(seconds=59)
    assert push([News(house.event("speech.queued"))]) == 2
    clock.move(seconds=31)
    assert push([News(house.event("speech.started"))]) == 0
    assert [house.frames(name)[-1]["code"] for name in ("expired", "ended")] == ["token_expired", "unauthorized"]
    assert house.connections.of_user("usr_1") == []


def run_all(house: House, push: Push) -> None:
    """As Lambda does with the queue: one message after the other, those too that the pushes send."""
    while house.queue.sent:
        push([house.queue.sent.pop(0)])


def test_who_comes_back_gets_what_it_missed_in_order_and_then_what_is_new(house: House, push: Push) -> None:
    """What happens while the replay runs is not lost; what comes twice has the same id."""
    seen = house.event("speech.queued")
    missed = [house.event("speech.started", id=f"job_{n}") for n in range(PAGE + 20)]
    house.open("c1")
    house.say("c1", action="subscribe", channels=["jobs"], since=seen.id)
    house.frames()
    amid: list[Event] = []
    after, read = house.log.after, 0

    def reading(user_id: str, event_id: str, limit: int) -> Any:
        nonlocal read
        read += 1
        found = after(user_id, event_id, limit)
        amid.append(house.event("speech.queued", id=f"job_x{read}"))
        house.queue.send(News(amid[-1]))
        return found

    house.log.after = reading  # type: ignore[method-assign]
    run_all(house, push)
    got = [f["id"] for f in house.frames() if "id" in f]
    assert list(dict.fromkeys(got)) == [seen.id, *ids([{"id": e.id} for e in [*missed, *amid]])]
    assert read == 2
    assert house.connections.of_user("usr_1")[0].channels == {"jobs"}


def test_a_replay_says_when_it_has_caught_up_and_reaches_back_behind_its_beginning(
    house: House, push: Push, clock: HeldClock
) -> None:
    """An event that was decided on before the last one that was seen may have been written after it."""
    late = derived_id("evt", clock.move(seconds=1), "late")
    clock.move(seconds=OVERLAP.total_seconds() - 1)
    seen = house.event("speech.started")
    house.log.events.append(Event(late, "usr_1", "speech.queued", clock(), {"id": "job_1"}))
    house.open("c1")
    house.say("c1", action="subscribe", channels=["jobs"], since=seen.id)
    run_all(house, push)
    assert ids(house.frames()[1:-1]) == [late, seen.id]
    house.say("c1", action="subscribe", channels=["jobs"], since=seen.id)
    run_all(house, push)
    assert house.frames()[-1] == {"type": "caught_up", "channels": ["jobs"]}


def test_a_replay_that_is_not_wanted_any_more_ends(house: House, push: Push) -> None:
    seen = house.event("speech.started")
    house.open("c1")
    house.say("c1", action="subscribe", channels=["jobs"], since=seen.id)
    house.say("c1", action="unsubscribe", channels=["jobs"])
    house.frames()
    run_all(house, push)
    push([Replay("usr_1", "nobody", frozenset({"jobs"}), seen.id)])
    assert house.sockets.frames == {}


def test_a_push_that_broke_off_is_repeated_with_the_same_ids(house: House, push: Push) -> None:
    """Nothing is lost when a pusher dies after any frame; what comes twice can be told by its id."""
    listen(house, "c1")
    events = [house.event("speech.queued", id=f"job_{n}") for n in range(5)]
    post, died = house.sockets.post, 0

    for dies_at in range(5):
        count = 0

        def fatal(connection_id: str, frame: Mapping[str, Any], dies_at: int = dies_at) -> None:
            nonlocal count, died
            if count == dies_at:
                died += 1
                raise KeyboardInterrupt
            count += 1
            post(connection_id, frame)

        house.sockets.post = fatal  # type: ignore[method-assign]
        with pytest.raises(KeyboardInterrupt):
            push([News(event) for event in events])
        house.sockets.post = post  # type: ignore[method-assign]
        push([News(event) for event in events])
        got = ids(house.frames())
        assert list(dict.fromkeys(got)) == [event.id for event in events]
        assert len(got) == 5 + dies_at
    assert died == 5


def test_a_device_gets_the_command_itself(house: House, push: Push) -> None:
    phone = house.open_phone()
    house.say(phone, action="take")
    house.frames(phone)
    listen(house, "user", house.phone.id)
    sent = house.commands.send("usr_1", house.phone.id, "ring", {})
    event = house.event("device.command.pending", id=sent.id, device_id=house.phone.id)
    for _ in range(2):  # a repeat hands out the same command
        push([News(event)])
    frames = house.frames(phone)
    assert [(f["type"], f["data"]["id"], f["data"]["deliveries"]) for f in frames] == [("command", sent.id, 1)] * 2
    assert [f["type"] for f in house.frames("user")] == ["device.command.pending"] * 2
    house.commands.cancel("usr_1", house.phone.id, sent.id)
    push([News(event)])
    assert house.frames(phone) == []


def test_an_event_goes_on_only_where_somebody_is_connected(house: House) -> None:
    tell = Tell(house.connections, house.queue)
    event = house.event()
    assert (tell(event), house.queue.sent) == (False, [])
    house.open()
    assert (tell(event), house.queue.sent) == (True, [News(event)])

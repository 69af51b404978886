"""Two lanes, one worker."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from antiphon.work import inbox as inbox_module
from antiphon.work.inbox import Held, Inbox
from antiphon.work.memory import MemoryLane
from antiphon.work.queue import Message
from tests.unit.work.conftest import LOG, SOON, Bench


@pytest.fixture
def inbox(bench: Bench) -> Any:
    made = make(bench)
    yield made
    made.close()


def make(bench: Bench, prepare: Callable[[Message], Any] = lambda m: f"prepared {m.job_id}") -> Inbox:
    return Inbox(
        [bench.priority, bench.standard],
        heartbeat=bench.heartbeat,  # type: ignore[arg-type]
        prepare=prepare,
        discard=bench.work.discard,
        refused=lambda: None,
        clock=bench.clock,
        logger=LOG,
    )


def taken(inbox: Inbox) -> Held:
    held = inbox.take(SOON)
    assert held is not None
    held.heartbeat.stop()
    held.lane.delete(held.message)
    return held


def settled(condition: Callable[[], bool]) -> bool:
    """Whether it came true soon. For what no event tells."""
    deadline = time.monotonic() + SOON
    pause = threading.Event()
    while not condition() and time.monotonic() < deadline:
        pause.wait(0.005)
    return condition()


def test_while_both_lanes_wait_the_priority_lane_has_nine_of_ten_and_the_other_one(bench: Bench, inbox: Inbox) -> None:
    """Q-41"""
    for _ in range(40):
        bench.job(bench.priority)
        bench.job(bench.standard)
    inbox.start()
    lanes = []
    for _ in range(40):
        inbox.want(True, busy=False)
        lanes.append(taken(inbox).lane.name)
        inbox.want(False, busy=True)
    assert [n for n, lane in enumerate(lanes, start=1) if lane == "standard"] == [10, 20, 30, 40]


def test_a_slow_answer_of_the_priority_lane_still_comes_first(bench: Bench) -> None:
    """Q-41: both lanes are asked at once after each job, and the standard lane may answer faster."""

    class Slow(MemoryLane):
        def receive(self, wait: int) -> Message | None:
            threading.Event().wait(0.03)
            return super().receive(wait)

    bench.priority = Slow("priority", bench.clock)
    urgent, _ = bench.job(bench.priority)
    bench.job(bench.standard)
    inbox = make(bench)
    inbox.start()
    inbox.want(True, busy=False)
    assert taken(inbox).message.job_id == urgent.id
    inbox.close()


def test_a_priority_lane_that_is_silent_does_not_hold_up_the_other(bench: Bench) -> None:
    class Hanging(MemoryLane):
        def receive(self, wait: int) -> Message | None:
            released.wait(SOON)
            return None

    released = threading.Event()
    bench.priority = Hanging("priority", bench.clock)
    job, _ = bench.job(bench.standard)
    inbox = make(bench)
    inbox.start()
    inbox.want(True, busy=False)
    began = time.monotonic()
    assert taken(inbox).message.job_id == job.id
    assert time.monotonic() - began < 1
    released.set()
    inbox.close()


@pytest.mark.parametrize("lane", ["priority", "standard"])
def test_an_idle_worker_wakes_up_at_once_on_either_lane(bench: Bench, inbox: Inbox, lane: str) -> None:
    inbox.start()
    inbox.want(True, busy=False)
    assert inbox.take(0.25) is None
    waking: list[float] = []
    for _ in range(3):
        sent = time.monotonic()
        job, _ = bench.job(getattr(bench, lane))
        assert taken(inbox).message.job_id == job.id
        waking.append(time.monotonic() - sent)
    assert min(waking) < 0.3


def test_nothing_is_received_while_nothing_is_wanted(bench: Bench, inbox: Inbox) -> None:
    bench.job()
    inbox.start()
    assert inbox.take(0.15) is None
    assert bench.standard.receives == bench.priority.receives == 0


def test_a_message_that_came_while_a_job_runs_is_prepared_and_one_that_came_before_is_not(
    bench: Bench, inbox: Inbox
) -> None:
    bench.job()
    inbox.start()
    inbox.want(True, busy=False)
    assert taken(inbox).prepared is None
    inbox.want(True, busy=True)
    second, _ = bench.job()
    assert taken(inbox).prepared == f"prepared {second.id}"


def test_one_message_of_a_lane_is_held_at_a_time(bench: Bench, inbox: Inbox) -> None:
    jobs = [bench.job()[0] for _ in range(3)]
    inbox.start()
    inbox.want(True, busy=True)
    assert settled(lambda: bench.standard.receives > 0)
    assert [taken(inbox).message.job_id for _ in range(3)] == [j.id for j in jobs]


def test_a_message_that_waits_for_more_than_a_minute_is_given_back(bench: Bench, clock: Any) -> None:
    ready = threading.Event()

    def prepare(message: Message) -> str:
        ready.set()
        return "a file"

    inbox = make(bench, prepare)
    job, _ = bench.job()
    inbox.start()
    inbox.want(True, busy=True)
    assert ready.wait(SOON)
    assert settled(lambda: bool(inbox._held))
    inbox.want(False, busy=True)
    clock.move(seconds=59)
    inbox.release_old()
    assert bench.standard.hidden == []
    clock.move(seconds=2)
    inbox.release_old()
    assert bench.standard.hidden == [(job.id, 0)]
    assert bench.work.discarded == ["a file"]
    again = bench.standard.receive(0)
    assert again
    assert again.receives == 2
    inbox.close()


def test_a_message_is_given_back_for_waiting_once_only(bench: Bench, clock: Any) -> None:
    """Each receive brings it nearer to the dead letters, and nobody has worked on it yet."""
    job, _ = bench.job()
    first = bench.standard.receive(0)
    assert first
    bench.standard.hide(first, 0)
    bench.standard.hidden.clear()
    inbox = make(bench)
    inbox.start()
    inbox.want(True, busy=True)
    assert settled(lambda: bool(inbox._held))
    clock.move(minutes=5)
    inbox.release_old()
    assert bench.standard.hidden == []
    assert taken(inbox).message.job_id == job.id
    inbox.close()


def test_closing_gives_back_what_is_held(bench: Bench) -> None:
    """Q-30"""
    job, _ = bench.job()
    inbox = make(bench)
    inbox.start()
    inbox.want(True, busy=True)
    assert settled(lambda: bool(inbox._held))
    inbox.close()
    assert bench.standard.hidden == [(job.id, 0)]
    assert bench.work.discarded == [f"prepared {job.id}"]
    assert inbox.take(0) is None


def test_a_message_that_arrives_with_the_last_poll_is_given_back(bench: Bench) -> None:
    """Q-30: the answer to a poll that was under way when the worker was told to stop."""

    class Late(MemoryLane):
        def receive(self, wait: int) -> Message | None:
            asked.set()
            assert go_on.wait(SOON)
            return super().receive(0)

    asked, go_on = threading.Event(), threading.Event()
    bench.standard = Late("standard", bench.clock)
    job, _ = bench.job()
    inbox = make(bench)
    inbox.start()
    inbox.want(True, busy=False)
    assert asked.wait(SOON)
    inbox.shut()
    go_on.set()
    inbox.close()
    assert bench.standard.hidden == [(job.id, 0)]


def test_a_lane_that_fails_is_asked_again(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox_module, "FIRST_PAUSE", 0.001)

    class Failing(MemoryLane):
        failures = 2

        def receive(self, wait: int) -> Message | None:
            if self.failures:
                self.failures -= 1
                raise ConnectionError("no route")
            return super().receive(wait)

    bench.standard = Failing("standard", bench.clock)
    job, _ = bench.job()
    inbox = make(bench)
    inbox.start()
    inbox.want(True, busy=False)
    assert taken(inbox).message.job_id == job.id
    inbox.close()


def test_giving_back_survives_a_lane_that_fails(bench: Bench, clock: Any) -> None:
    class Failing(MemoryLane):
        def hide(self, message: Message, seconds: int) -> None:
            raise ConnectionError("no route")

    bench.standard = Failing("standard", bench.clock)
    bench.job()
    inbox = make(bench)
    inbox.start()
    inbox.want(True, busy=True)
    assert settled(lambda: bool(inbox._held))
    clock.move(seconds=61)
    inbox.release_old()
    assert len(bench.work.discarded) == 1
    inbox.close()

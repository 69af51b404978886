"""Q-14: the sign of life, and what its loss means."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ConnectTimeoutError

from antiphon.platform.errors import LeaseLost
from antiphon.speech import model
from antiphon.speech.model import Job
from antiphon.work.heartbeat import LONGEST, Heartbeat
from antiphon.work.lease import Drained, Lease
from antiphon.work.memory import MemoryLane
from antiphon.work.queue import Message
from tests.unit.work.conftest import LEASE, LOG, SOON, Bench


def lease_of(heartbeat: Heartbeat, stopping: threading.Event | None = None) -> Lease:
    return Lease("me", LEASE, heartbeat, stopping or threading.Event())


def beating(bench: Bench) -> tuple[Job, Heartbeat]:
    job, message = bench.job()
    held = bench.receive()
    held.heartbeat.attach(bench.claimed(job, owner="me", message_id=message.id))
    return job, held.heartbeat


def test_it_beats_three_times_in_each_lease(bench: Bench, clock: Any) -> None:
    job, message = bench.job()
    message = bench.receive().message
    paused: list[float] = []
    over = threading.Event()

    def pause(stop: threading.Event, seconds: float) -> bool:
        paused.append(seconds)
        clock.move(seconds=seconds)
        if len(paused) > 6:
            over.set()
            return True
        return False

    heartbeat = Heartbeat(bench.standard, message, bench.store, lease=LEASE, clock=clock, logger=LOG, pause=pause)
    heartbeat.attach(bench.claimed(job, owner="me", message_id=message.id))
    heartbeat.start()
    assert over.wait(SOON)
    assert paused == [20.0] * 7
    assert bench.standard.hidden == [(job.id, 60)] * 6
    assert not heartbeat.lost.is_set()
    assert bench.now(job).leased(clock()), "two minutes after a lease of one"


def test_a_beat_extends_message_and_lease(bench: Bench, clock: Any) -> None:
    job, heartbeat = beating(bench)
    for _ in range(10):
        clock.move(seconds=50)
        heartbeat.beat()
        assert bench.now(job).lease_expires_at == clock() + LEASE
        assert bench.standard.receive(0) is None
    lease_of(heartbeat).check()


def test_a_beat_does_not_disturb_the_work(bench: Bench) -> None:
    """The version of the row is the work's; the lease alone is the heartbeat's."""
    job, heartbeat = beating(bench)
    before = bench.now(job)
    heartbeat.beat()
    bench.store.apply(model.advance(before, owner="me", lease=LEASE, now=bench.clock(), progress=50))


def test_a_receipt_that_is_not_valid_any_more_stops_the_job(bench: Bench) -> None:
    _, message = bench.job()
    held = bench.receive()
    bench.standard.lose(message)
    held.heartbeat.beat()
    assert held.heartbeat.lost.is_set()
    with pytest.raises(LeaseLost):
        lease_of(held.heartbeat).check()


@pytest.mark.parametrize("how", ["taken over", "canceled", "deleted"])
def test_a_lease_that_is_gone_stops_the_job(bench: Bench, clock: Any, how: str) -> None:
    job, heartbeat = beating(bench)
    if how == "taken over":
        clock.move(seconds=61)
        bench.claimed(job)
    elif how == "canceled":
        bench.store.apply(model.cancel(bench.now(job), clock()))
    else:
        bench.store.delete(job)
    heartbeat.beat()
    with pytest.raises(LeaseLost):
        lease_of(heartbeat).check()


class Flaky(MemoryLane):
    down = False

    def hide(self, message: Message, seconds: int) -> None:
        if self.down:
            raise ConnectTimeoutError(endpoint_url="queue")
        super().hide(message, seconds)


@pytest.mark.parametrize(("missed", "lost"), [(1, False), (2, False), (3, True)])
def test_two_beats_may_be_missed(bench: Bench, clock: Any, missed: int, lost: bool) -> None:
    bench.standard = lane = Flaky("standard", clock)
    _, heartbeat = beating(bench)
    lane.down = True
    for _ in range(missed):
        clock.move(seconds=20)
        heartbeat.beat()
    lane.down = False
    assert heartbeat.lost.is_set() is lost
    if not lost:
        heartbeat.beat()
        lease_of(heartbeat).check()


def test_after_half_past_eleven_hours_the_job_goes_back(bench: Bench, clock: Any) -> None:
    """SQS takes the message away after twelve."""
    assert timedelta(hours=11) < LONGEST < timedelta(hours=12)
    _, heartbeat = beating(bench)
    while clock() - bench.store.events[0].timestamp < timedelta(hours=11, minutes=29):
        clock.move(seconds=20)
        heartbeat.beat()
    lease_of(heartbeat).check()
    clock.move(minutes=1)
    heartbeat.beat()
    clock.move(seconds=20)
    heartbeat.beat()
    with pytest.raises(Drained):
        lease_of(heartbeat).check()


def test_after_it_was_stopped_nothing_is_touched(bench: Bench, clock: Any) -> None:
    job, heartbeat = beating(bench)
    before = bench.now(job)
    heartbeat.stop()
    clock.move(seconds=20)
    heartbeat.beat()
    assert bench.now(job) == before
    assert bench.standard.hidden == []


def test_a_worker_that_drains_says_so_between_chunks(bench: Bench) -> None:
    """Q-30"""
    _, heartbeat = beating(bench)
    stopping = threading.Event()
    stopping.set()
    with pytest.raises(Drained):
        lease_of(heartbeat, stopping).check()

"""The loop: one job after another, the next one ready, and an orderly end."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from antiphon.speech import model
from antiphon.speech.memory import MemoryJobStore
from antiphon.speech.model import Checkpoint, Job, Status
from antiphon.work import worker as worker_module
from antiphon.work.inbox import Inbox
from antiphon.work.lease import Lease
from antiphon.work.memory import MemoryLane
from antiphon.work.queue import Message, Refused
from tests.unit.work.conftest import LEASE, SOON, Bench, Running
from tests.unit.work.test_inbox import settled


class Chunks:
    """Work of many chunks that each wait for the test: ``began`` is set in each, ``go`` lets it end."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.began, self.go = threading.Event(), threading.Event()
        self.done = 0

    def __call__(self, job: Job, lease: Lease, prepared: Any) -> None:
        for n in range(10):
            self.began.set()
            assert self.go.wait(SOON)
            self.done += 1
            self.bench.store.apply(
                model.advance(
                    self.bench.now(job),
                    owner=lease.owner,
                    lease=lease.span,
                    now=self.bench.clock(),
                    checkpoint=Checkpoint(30.0 * (n + 1), n + 1),
                )
            )
            lease.check()
        self.bench.finish(self.bench.now(job), lease)


def test_one_job_after_another_until_it_is_stopped(bench: Bench) -> None:
    jobs = [bench.job()[0] for _ in range(3)]
    running = Running(bench)
    assert settled(lambda: bench.standard.waiting == 0)
    running.stop()
    assert [j for j, _ in bench.work.ran] == [j.id for j in jobs]
    assert {bench.now(j).status for j in jobs} == {Status.SUCCEEDED}


def test_a_job_that_breaks_everything_does_not_end_the_worker(bench: Bench) -> None:
    def script(job: Job, lease: Lease, prepared: Any) -> None:
        if job.id == bad.id:
            raise RecursionError
        bench.finish(job, lease)

    bench.work.script = script
    bad, good = bench.job()[0], bench.job()[0]
    running = Running(bench)
    assert settled(lambda: bench.now(good).terminal)
    running.stop()
    assert bench.now(bad).status is Status.QUEUED


def test_the_next_job_is_prepared_when_the_running_one_is_about_to_end_and_not_before(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    chunks = Chunks(bench)
    first, _ = bench.job()
    bench.work.script = chunks
    bench.work.left = 31.0
    asked: list[bool] = []
    want = Inbox.want

    def note(inbox: Inbox, wanted: bool, *, busy: bool) -> None:
        want(inbox, wanted, busy=busy)
        if busy:
            asked.append(wanted)

    monkeypatch.setattr(Inbox, "want", note)
    running = Running(bench)
    assert chunks.began.wait(SOON)
    assert settled(lambda: len(asked) >= 3)
    assert not any(asked)
    bench.work.left = 29.0
    assert settled(lambda: asked[-1])
    second, _ = bench.job()
    assert settled(lambda: bench.work.prepared == [second.id])
    assert bench.now(second).status is Status.QUEUED, "it is not claimed while it waits"
    bench.work.script = bench.finish
    chunks.go.set()
    assert settled(lambda: bench.now(second).terminal)
    running.stop()
    assert bench.work.ran == [(first.id, None), (second.id, f"prepared {second.id}")]


def test_a_failing_preparation_leaves_the_lane_alive(bench: Bench) -> None:
    class Flaky(MemoryJobStore):
        def get(self, *key: Any) -> Any:
            if threading.current_thread().name == "poll-standard":
                raise ConnectionError("no route")
            return super().get(*key)

    bench.store = Flaky()
    chunks = Chunks(bench)
    bench.work.script, bench.work.left = chunks, 1.0
    first, _ = bench.job()
    running = Running(bench)
    assert chunks.began.wait(SOON)
    second, _ = bench.job()
    chunks.go.set()
    assert settled(lambda: bench.now(second).terminal)
    running.stop()
    assert bench.work.ran == [(first.id, None), (second.id, None)]


def test_a_stop_hands_the_job_back_with_its_checkpoint_when_the_chunk_ends(bench: Bench) -> None:
    """Q-30"""
    chunks = Chunks(bench)
    bench.work.script = chunks
    job, _ = bench.job()
    running = Running(bench)
    assert chunks.began.wait(SOON)
    running.worker.stop()
    chunks.go.set()
    running.join()
    waiting = bench.now(job)
    assert (waiting.status, waiting.checkpoint, waiting.failures) == (Status.QUEUED, Checkpoint(30.0, 1), 0)
    assert waiting.lease_owner is None
    assert chunks.done == 1
    assert running.exits == []
    assert bench.standard.receive(0) is not None, "another worker has it at once"


def test_nothing_is_received_after_a_stop(bench: Bench) -> None:
    """Q-30"""
    chunks = Chunks(bench)
    bench.work.script, bench.work.left = chunks, 1.0
    bench.job()
    running = Running(bench)
    assert chunks.began.wait(SOON)
    running.worker.stop()
    assert settled(lambda: not any(t.name.startswith("poll-") for t in threading.enumerate()))
    late, _ = bench.job()
    chunks.go.set()
    running.join()
    assert bench.now(late).attempts == 0
    assert bench.standard.hidden.count((late.id, 0)) == 0


def test_what_waits_is_given_back_at_once_when_the_worker_drains(bench: Bench) -> None:
    """Q-30: not only when the running chunk ends."""
    chunks = Chunks(bench)
    bench.work.script, bench.work.left = chunks, 1.0
    bench.job()
    running = Running(bench)
    assert chunks.began.wait(SOON)
    second, _ = bench.job(bench.priority)
    assert settled(lambda: bench.work.prepared == [second.id])
    running.worker.stop()
    assert settled(lambda: (second.id, 0) in bench.priority.hidden)
    assert chunks.done == 0
    assert bench.work.discarded == [f"prepared {second.id}"]
    chunks.go.set()
    running.join()


def test_a_chunk_that_does_not_end_is_dropped_and_the_process_ends_well(bench: Bench) -> None:
    """Q-30: the job goes back as it was stored."""
    chunks = Chunks(bench)
    bench.work.script = chunks
    job, _ = bench.job()
    running = Running(bench, drain=0.1)
    assert chunks.began.wait(SOON)
    running.worker.stop()
    assert running.exited.wait(SOON)
    assert running.exits == [0]
    assert (bench.now(job).status, bench.now(job).checkpoint) == (Status.QUEUED, Checkpoint())
    taken = bench.standard.receive(0)
    assert taken is not None
    bench.claimed(job, owner="the next", message_id=taken.id)
    chunks.go.set()  # the thread that was dropped, had the process not ended
    running.join()
    assert bench.now(job).lease_owner == "the next"


def test_the_process_ends_even_when_the_storage_hangs(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Q-30: the lease ends by itself."""

    class Hanging(MemoryJobStore):
        hanging = False

        def get(self, *key: Any) -> Any:
            if self.hanging:
                released.wait(SOON)
            return super().get(*key)

    released = threading.Event()
    monkeypatch.setattr(worker_module, "DROP", 0.1)
    bench.store = store = Hanging()
    chunks = Chunks(bench)
    bench.work.script = chunks
    bench.job()
    running = Running(bench, drain=0.1)
    assert chunks.began.wait(SOON)
    store.hanging = True
    running.worker.stop()
    assert running.exited.wait(SOON)
    assert running.exits == [0]
    released.set()
    chunks.go.set()
    running.join()


def test_a_second_stop_changes_nothing(bench: Bench) -> None:
    """Q-31"""
    chunks = Chunks(bench)
    bench.work.script = chunks
    job, _ = bench.job()
    running = Running(bench)
    assert chunks.began.wait(SOON)
    for _ in range(3):
        running.worker.stop()
    assert bench.now(job).status is Status.RUNNING
    chunks.go.set()
    running.join()
    assert (bench.now(job).status, chunks.done, running.exits) == (Status.QUEUED, 1, [])


def test_an_idle_worker_stops_within_two_seconds(bench: Bench) -> None:
    """Q-31"""
    running = Running(bench)
    assert settled(lambda: bench.standard.receives > 0)
    asked = time.monotonic()
    running.stop()
    assert time.monotonic() - asked < 2
    assert running.exits == []


def test_the_heartbeat_goes_on_while_the_worker_drains(bench: Bench, clock: Any) -> None:
    """Q-31"""
    chunks = Chunks(bench)
    bench.work.script = chunks
    job, _ = bench.job()
    running = Running(bench)
    assert chunks.began.wait(SOON)
    running.worker.stop()
    held, _ = running.worker._running  # type: ignore[misc]
    clock.move(seconds=20)
    held.heartbeat.beat()
    assert bench.now(job).lease_expires_at == clock() + LEASE
    assert bench.standard.hidden == [(job.id, 60)]
    chunks.go.set()
    running.join()


def test_a_worker_whose_credentials_are_refused_stops_and_says_so(bench: Bench) -> None:
    """Only a new process gets new ones; what it holds goes back."""

    class Closed(MemoryLane):
        def receive(self, wait: int) -> Message | None:
            raise Refused

    bench.priority = Closed("priority", bench.clock)
    running = Running(bench)
    running.join()
    assert running.worker.refused


def test_a_canceled_job_stops_after_the_chunk_under_way(bench: Bench, clock: Any) -> None:
    """The heartbeat or the next write notices, whichever comes first."""
    chunks = Chunks(bench)
    bench.work.script = chunks
    job, _ = bench.job()
    running = Running(bench)
    assert chunks.began.wait(SOON)
    bench.store.apply(model.cancel(bench.now(job), clock()))
    held, _ = running.worker._running  # type: ignore[misc]
    held.heartbeat.beat()
    chunks.go.set()
    assert settled(lambda: running.worker._running is None)
    running.stop()
    assert chunks.done == 1
    assert bench.now(job).status is Status.CANCELED


def test_a_message_lost_while_it_waited_is_left_to_others(bench: Bench) -> None:
    """Q-14"""
    job, message = bench.job()
    held = bench.receive()
    held.prepared = "a file"
    bench.standard.lose(message)
    held.heartbeat.beat()
    assert bench.worker().handle(held).what == "dropped"
    assert bench.now(job).attempts == 0
    assert bench.work.discarded == ["a file"]


def test_a_job_is_protected_while_it_runs(bench: Bench) -> None:
    """Q-32"""

    class Recorded:
        def __init__(self) -> None:
            self.calls: list[Any] = []

        def set(self, on: bool) -> None:
            self.calls.append(on)

    protection = Recorded()

    def script(job: Job, lease: Lease, prepared: Any) -> None:
        protection.calls.append(job.id)
        raise ZeroDivisionError

    bench.work.script = script
    job, _ = bench.job()
    bench.handle(protection=protection)
    assert protection.calls == [True, job.id, False]


def test_a_message_without_work_needs_no_protection(bench: Bench) -> None:
    class Forbidden:
        def set(self, on: bool) -> None:
            raise AssertionError("not asked for")

    job, _ = bench.job()
    bench.store.apply(model.cancel(job, bench.clock()))
    assert bench.handle(protection=Forbidden()).what == "deleted"


def test_a_job_waits_for_one_piece_of_what_is_done_between_jobs_at_most(bench: Bench) -> None:
    """One that comes meanwhile is worked on next, and the other pieces after it."""
    began, go = threading.Event(), threading.Event()
    done: list[str] = []

    def between() -> None:
        done.append("piece")
        began.set()
        assert go.wait(SOON)

    def script(job: Job, lease: Lease, prepared: Any) -> None:
        done.append("job")
        bench.finish(job, lease)

    bench.work.script = script
    running = Running(bench, between=between)
    assert began.wait(SOON)
    job, _ = bench.job()
    assert settled(lambda: bool(running.worker._inbox._held))
    go.set()
    assert settled(lambda: bench.now(job).terminal)
    running.stop()
    assert done[:2] == ["piece", "job"]

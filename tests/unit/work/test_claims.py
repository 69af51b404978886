"""What becomes of a message, by the state of its job."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from antiphon.speech import model
from antiphon.speech.memory import MemoryJobStore
from antiphon.speech.model import Change, Failure, Status
from antiphon.speech.ports import Stale
from antiphon.work.queue import Message
from antiphon.work.worker import Outcome
from tests.unit.work.conftest import LEASE, SOON, Bench


class CountingStore(MemoryJobStore):
    def __init__(self) -> None:
        super().__init__()
        self.calls: list[str] = []

    def get(self, *key: Any) -> Any:
        self.calls.append("get")
        return super().get(*key)

    def apply(self, change: Change, **parts: Any) -> None:
        self.calls.append("apply")
        super().apply(change, **parts)


def test_a_queued_job_is_claimed_run_and_its_message_deleted(bench: Bench) -> None:
    job, _ = bench.job()
    assert bench.handle() == Outcome("deleted")
    assert bench.work.ran == [(job.id, None)]
    assert (bench.now(job).status, bench.now(job).attempts) == (Status.SUCCEEDED, 1)
    assert bench.standard.waiting == 0


@pytest.mark.parametrize("end", ["succeeded", "failed", "canceled", "deleted"])
def test_the_message_of_a_job_that_ended_costs_one_read_and_one_delete(bench: Bench, end: str) -> None:
    """Q-16"""
    bench.store = store = CountingStore()
    job, _ = bench.job()
    if end == "deleted":
        store.delete(job)
    elif end == "canceled":
        store.apply(model.cancel(job, bench.clock()))
    elif end == "failed":
        store.apply(model.fail(job, Failure("x", "x"), bench.clock()))
    else:
        store.apply(model.finish(bench.claimed(job, owner="me"), owner="me", now=bench.clock()))
    store.calls.clear()
    assert bench.handle() == Outcome("deleted")
    assert store.calls == ["get"]
    assert bench.work.ran == []
    assert bench.standard.waiting == 0


def test_a_message_is_deleted_only_after_the_result_is_stored(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Q-16"""
    job, _ = bench.job()
    seen: list[Status] = []
    delete = bench.standard.delete

    def note(message: Message) -> None:
        seen.append(bench.now(job).status)
        delete(message)

    monkeypatch.setattr(bench.standard, "delete", note)
    bench.handle()
    assert seen == [Status.SUCCEEDED]


def test_a_message_whose_job_still_waits_for_its_upload_is_deleted(bench: Bench) -> None:
    bench.job(status=Status.AWAITING_UPLOAD)
    assert bench.handle() == Outcome("deleted")
    assert bench.work.ran == []


def test_a_running_job_is_taken_over_once_its_lease_has_ended(bench: Bench, clock: Any) -> None:
    job, _ = bench.job()
    bench.claimed(job)
    clock.move(seconds=61)
    assert bench.handle() == Outcome("deleted")
    assert (bench.now(job).status, bench.now(job).attempts) == (Status.SUCCEEDED, 2)


def test_the_message_of_a_job_that_another_worker_has_waits_for_the_rest_of_the_lease(bench: Bench, clock: Any) -> None:
    """Its visibility ended early, or the emulator gave it twice: the job may yet need it."""
    job, message = bench.job()
    bench.claimed(job, message_id=message.id)
    clock.move(seconds=20)
    assert bench.handle() == Outcome("later", 41)
    assert bench.standard.hidden == [(job.id, 41)]
    assert bench.work.ran == []


def test_a_second_message_of_a_running_job_is_deleted(bench: Bench) -> None:
    """Q-10: one send whose answer was lost leaves two messages."""
    job, _ = bench.job()
    before = bench.claimed(job, message_id="the first")
    assert bench.handle() == Outcome("deleted")
    assert bench.now(job) == before
    assert bench.standard.waiting == 0


def test_a_claim_whose_answer_was_lost_is_won_and_the_job_runs_once(bench: Bench) -> None:
    """Q-10, Q-11"""

    class LosesFirstAnswer(MemoryJobStore):
        lost = False

        def apply(self, change: Change, **parts: Any) -> None:
            super().apply(change, **parts)
            if change.after.status is Status.RUNNING and not self.lost:
                self.lost = True
                raise Stale

    bench.store = LosesFirstAnswer()
    job, _ = bench.job()
    assert bench.handle() == Outcome("deleted")
    assert [j for j, _ in bench.work.ran] == [job.id]
    assert (bench.now(job).status, bench.now(job).attempts) == (Status.SUCCEEDED, 1)


def test_a_claim_that_came_second_reads_again_and_leaves_the_job_alone(bench: Bench) -> None:
    class AnotherIsFaster(MemoryJobStore):
        raced = False

        def apply(self, change: Change, **parts: Any) -> None:
            if change.after.status is Status.RUNNING and not self.raced and change.before:
                self.raced = True
                super().apply(
                    model.claim(change.before, owner="faster", message_id="x", lease=LEASE, now=bench.clock())
                )
            super().apply(change, **parts)

    bench.store = AnotherIsFaster()
    job, _ = bench.job()
    assert bench.handle() == Outcome("deleted")
    assert bench.work.ran == []
    assert bench.now(job).lease_owner == "faster"


def test_twenty_workers_with_twenty_messages_of_one_job_run_it_once(bench: Bench) -> None:
    """Q-10"""
    job, _ = bench.job()
    for n in range(19):
        bench.standard.send(bench.message(job, f"copy-{n}"))
    at_once = threading.Barrier(20)
    helds = [bench.receive() for _ in range(20)]

    def go(held: Any) -> None:
        at_once.wait(SOON)
        bench.worker().handle(held)

    threads = [threading.Thread(target=go, args=(held,)) for held in helds]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SOON)
    assert len(bench.work.ran) == 1
    assert (bench.now(job).status, bench.now(job).attempts) == (Status.SUCCEEDED, 1)
    assert bench.standard.waiting == 0


def test_each_claim_has_an_owner_of_its_own(bench: Bench) -> None:
    """Q-11"""
    owners: list[str] = []

    def note(job: Any, lease: Any, prepared: Any) -> None:
        owners.append(lease.owner)
        bench.finish(job, lease)

    bench.work.script = note
    for _ in range(3):
        bench.job()
        bench.handle()
    assert len(set(owners)) == 3

"""Q-40, Q-41: who has many jobs does not take all workers, and nobody's jobs are lost by that."""

from __future__ import annotations

from collections import Counter
from typing import Any

from antiphon.identity.tiers import TIERS
from antiphon.platform.ids import derived_id
from antiphon.speech import model
from antiphon.speech.model import TURN, Job, Kind, Source, Status
from antiphon.webhooks.memory import MemoryLanes
from antiphon.work.queue import Message
from antiphon.work.worker import Outcome
from tests.unit.work.conftest import Bench

MOST = TIERS["free"].running_jobs


def test_a_job_without_a_turn_gives_its_message_back_without_any_harm(bench: Bench) -> None:
    """Q-40: no attempt, no failure, and its message is not received in vain."""
    for _ in range(MOST):
        bench.claimed(bench.job(bench.priority)[0])
    late, _ = bench.job()
    assert bench.handle() == Outcome("deleted")
    assert bench.standard.waiting == 0
    found = bench.now(late)
    assert (found.status, found.stage, found.attempts, found.failures) == (Status.QUEUED, TURN, 0, 0)
    assert bench.work.ran == []


def test_one_that_ends_between_the_claim_and_the_wait_is_seen(bench: Bench) -> None:
    """Q-40: or the job would wait for a turn that nobody gives."""
    running = [bench.claimed(bench.job(bench.priority)[0]) for _ in range(MOST)]
    late, _ = bench.job()
    apply = bench.store.apply

    def ends_first(change: Any, **parts: Any) -> None:
        if parts.get("crowded"):
            bench.store.apply = apply  # type: ignore[method-assign]
            apply(model.finish(running[0], owner="another", now=bench.clock()))
        apply(change, **parts)

    bench.store.apply = ends_first  # type: ignore[method-assign]
    assert bench.handle() == Outcome("deleted")
    assert bench.now(late).status is Status.SUCCEEDED


class Floor:
    """Two workers at lanes that give in turn to whom they will, and the publisher behind them; a job takes ten rounds."""

    TAKES = 10

    def __init__(self, bench: Bench) -> None:
        self.bench, self.lanes, self.round = bench, MemoryLanes(), 0
        self.jobs: dict[str, Job] = {}
        self.queue: list[Job] = []
        self.running: dict[str, int] = {}
        self.began: dict[str, int] = {}
        self.heard = 0

    def add(self, user: str, count: int) -> list[Job]:
        made = []
        for number in range(count):
            id = derived_id("job", self.bench.clock(), user, str(number), order=len(self.queue))
            source = Source("b", "k", sequencer="01")
            job = Job(id, Kind.SPEECH, user, Status.QUEUED, self.bench.clock(), source=source)
            self.bench.store.apply(model.create(job, self.bench.clock()))
            self.jobs[job.id] = job
            self.queue.append(job)
            made.append(job)
        self.heard = len(self.bench.store.events)
        return made

    def now(self, job: Job) -> Job:
        found = self.bench.store.get(job.user_id, job.kind, job.id)
        assert found
        return found

    def step(self) -> None:
        """Ends what is done, sends what waits for its turn, and gives the free workers the next messages."""
        for id, since in list(self.running.items()):
            if self.round - since >= self.TAKES:
                job = self.now(self.jobs[id])
                self.bench.store.apply(model.finish(job, owner=id, now=self.bench.clock()))
                del self.running[id]
        for event in self.bench.store.events[self.heard :]:
            for dispatch in self.bench.store.turns(event.user_id, event.frees) if event.frees else ():
                self.queue.append(self.jobs[dispatch.job_id])
        self.heard = len(self.bench.store.events)
        worker = self.bench.worker()
        while len(self.running) < 2 and self.queue:
            job = self.queue.pop(0)
            found = worker._claim(Message(job.id, "r", job.user_id, job.kind, job.id), job.id)
            if isinstance(found, Job):
                self.running[job.id] = self.began[job.id] = self.round
        self.round += 1
        self.bench.clock.move(seconds=1)

    def run(self, jobs: list[Job]) -> None:
        """Until all of these have ended."""
        for _ in range(20_000):
            if all(self.now(job).terminal for job in jobs):
                return
            self.step()
        raise AssertionError("not all of them ended")


def test_a_user_with_many_jobs_keeps_nobody_waiting(bench: Bench) -> None:
    """Q-40: ten with one each begin, behind one with a hundred, within twice what they take without that one, and a job more."""
    alone = Floor(bench)
    small = [job for number in range(10) for job in alone.add(f"usr_a{number}", 1)]
    alone.run(small)
    quiet = max(alone.began.values())
    beside = Floor(bench)
    many = beside.add("usr_big", TIERS["free"].concurrent_jobs)
    small = [job for number in range(10) for job in beside.add(f"usr_b{number}", 1)]
    beside.run([*many, *small])
    assert max(beside.began[job.id] for job in small) <= 2 * quiet + Floor.TAKES
    assert Counter(beside.now(job).attempts for job in many) == {1: len(many)}
    assert bench.store.usage("usr_big", "2026-11").running_speech == 0

"""Q-40 and Q-43 at their full size; the small cases stand in tests/unit/work."""

from __future__ import annotations

import logging
import random
import resource
from collections import Counter
from dataclasses import replace

import pytest

from antiphon.identity import tiers
from antiphon.identity.tiers import TIERS
from antiphon.speech.model import TURN, Job, Status
from antiphon.work.lease import Lease
from tests.faults import Crash
from tests.unit.conftest import HeldClock
from tests.unit.work.conftest import Bench
from tests.unit.work.test_turns import MOST, Floor


def test_a_user_with_ten_thousand_jobs_keeps_nobody_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Q-40: more than a free user may have standing, so that the turns alone hold them back. Not run to the last of them."""
    bench = Bench(HeldClock())
    crowded = {**TIERS, "free": replace(TIERS["free"], concurrent_jobs=10_000)}
    monkeypatch.setattr(tiers, "TIERS", crowded)
    alone = Floor(bench)
    small = [job for number in range(10) for job in alone.add(f"usr_a{number}", 1)]
    alone.run(small)
    quiet = max(alone.began.values())
    beside = Floor(bench)
    many = beside.add("usr_big", 10_000)
    small = [job for number in range(10) for job in beside.add(f"usr_b{number}", 1)]
    beside.run(small)
    assert max(beside.began[job.id] for job in small) <= 2 * quiet + Floor.TAKES
    states = Counter((job.status, job.stage) for job in map(beside.now, many))
    ended, running = states[Status.SUCCEEDED, None], bench.store.usage("usr_big", "2026-11").running_speech
    assert ended >= 1
    assert running <= MOST
    assert states[Status.QUEUED, TURN] == 10_000 - ended - running


@pytest.mark.slow
def test_of_a_hundred_thousand_messages_none_is_lost_and_none_does_its_work_twice(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Q-43: each of 2,000 jobs is told of 50 times, in any order, by workers of which one in fifty dies over its job. Over the port in memory:
    with every message a job of its own it would take minutes, and an emulated queue takes longer still."""
    caplog.set_level(logging.CRITICAL)
    limits = replace(TIERS["free"], concurrent_jobs=2_000, running_jobs=2_000)
    monkeypatch.setattr(tiers, "TIERS", {**TIERS, "free": limits})
    clock, chance = HeldClock(), random.Random(43)
    bench = Bench(clock)
    effects: Counter[str] = Counter()

    def work(job: Job, lease: Lease, _: object) -> None:
        if chance.random() < 0.02:
            raise Crash
        bench.finish(job, lease)
        effects[job.id] += 1

    bench.work.script = work
    jobs = [bench.job()[0] for _ in range(2_000)]
    worker, handled, died, memory = bench.worker(), 0, 0, []
    for wave in range(1, 52):
        while (message := bench.standard.receive(0)) is not None:
            try:
                worker.handle(bench.held(message))
                handled += 1
            except Crash:
                died += 1
        memory.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
        clock.move(seconds=61)  # leases and visibilities of the dead end
        if wave < 50:
            for job in chance.sample(jobs, len(jobs)):
                bench.standard.send(bench.message(job, f"{job.id}/{wave}"))
    assert handled == 100_000
    assert died > 10
    assert bench.standard.waiting == 0
    assert effects == Counter(job.id for job in jobs)
    assert {bench.now(job).status for job in jobs} == {Status.SUCCEEDED}
    told = Counter(event.data["id"] for event in bench.store.events if event.type == "transcription.succeeded")
    assert told == effects
    assert bench.store.usage(jobs[0].user_id, "2026-11").open_jobs == 0
    assert memory[-1] <= 1.1 * memory[4], "the worker grows with the messages"

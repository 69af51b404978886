"""PEERS 8: a job whose key's budget has ended while it waited is not begun."""

from __future__ import annotations

from dataclasses import replace

from antiphon.speech.model import Budget, Status
from antiphon.work.worker import Outcome
from tests.unit.work.conftest import Bench


def test_it_fails_before_the_engine_sees_it(bench: Bench) -> None:
    job, _ = bench.job()
    bench.store._jobs[job.id] = replace(job, budget=Budget("key_1", limit=1))
    bench.store._spent[job.user_id, "2026-11", "key_1"] = 1
    assert bench.handle() == Outcome("deleted")
    failed = bench.now(job)
    assert failed.error
    assert (failed.status, failed.error.code) == (Status.FAILED, "budget_exceeded")
    assert bench.work.ran == []
    told = [event for event in bench.store.events if event.type == "user.quota_reached"]
    assert [(event.data["counter"], event.data["key_id"]) for event in told] == [("budget", "key_1")]

"""A message that the queue itself brought, as a function is called."""

from __future__ import annotations

from typing import Any

from antiphon.platform.errors import EngineError
from antiphon.speech import model
from antiphon.speech.model import Job, Status
from antiphon.work.lease import Lease
from tests.unit.work.conftest import LEASE, Bench


def deliver(bench: Bench) -> str:
    message = bench.standard.receive(0)
    assert message is not None
    return bench.worker().deliver(bench.standard, message).what


def test_a_delivered_message_is_worked_on_and_done(bench: Bench) -> None:
    job, _ = bench.job()
    assert deliver(bench) == "deleted"
    assert bench.now(job).status is Status.SUCCEEDED


def test_what_may_pass_is_tried_again_later(bench: Bench) -> None:
    job, _ = bench.job()

    def fail(job: Job, lease: Lease, prepared: Any) -> None:
        raise EngineError("busy", retryable=True)

    bench.work.script = fail
    assert deliver(bench) == "later"
    assert (bench.now(job).status, bench.now(job).failures) == (Status.QUEUED, 1)


def test_a_function_that_died_is_replaced_when_its_lease_ends_and_not_before(bench: Bench) -> None:
    job, _ = bench.job()
    bench.claimed(job, message_id="msg-1")
    assert deliver(bench) == "later"
    assert bench.now(job).attempts == 1
    bench.clock.move(seconds=LEASE.total_seconds() + 2)
    assert deliver(bench) == "deleted"
    assert (bench.now(job).status, bench.now(job).attempts) == (Status.SUCCEEDED, 2)


def test_a_job_that_was_canceled_meanwhile_is_left_alone(bench: Bench) -> None:
    job, _ = bench.job()
    bench.store.apply(model.cancel(job, bench.clock()))
    assert deliver(bench) == "deleted"
    assert bench.now(job).status is Status.CANCELED
    assert bench.work.ran == []

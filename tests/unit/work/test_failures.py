"""Q-24: what fails at once, what is tried again, and how often."""

from __future__ import annotations

import errno
import logging
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError, ReadTimeoutError
from pynamodb.exceptions import PutError

from antiphon.platform.errors import EngineError, LeaseLost, MediaError, NotFound, Unavailable
from antiphon.platform.metrics_memory import MemoryMetrics
from antiphon.speech import model
from antiphon.speech.memory import MemoryJobStore
from antiphon.speech.model import Job, Status
from antiphon.work.lease import Drained, Lease
from antiphon.work.worker import Outcome
from tests.unit.work.conftest import Bench


def _client_error(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, "GetObject")


def _raises(error: BaseException) -> Any:
    def script(job: Job, lease: Lease, prepared: Any) -> None:
        raise error

    return script


FINAL = [
    (MediaError("The file cannot be read."), "undecodable_media"),
    (MediaError("No sound.", code="no_audio"), "no_audio"),
    (EngineError("Klingon is not known.", code="unsupported_language"), "unsupported_language"),
    (EngineError("There is nothing to say.", code="text_empty"), "text_empty"),
    (NotFound("gone", code="object_missing"), "source_missing"),
]
PASSING = [
    (EngineError("The engine ran out of memory.", retryable=True), "engine_failed"),
    (_client_error("SlowDown"), "storage_unavailable"),
    (_client_error("ProvisionedThroughputExceededException"), "storage_unavailable"),
    (_client_error("InternalError"), "storage_unavailable"),
    (ReadTimeoutError(endpoint_url="here"), "storage_unavailable"),
    (ConnectTimeoutError(endpoint_url="here"), "storage_unavailable"),
    (Unavailable("down"), "unavailable"),
    (MemoryError(), "worker_full"),
    (OSError(errno.ENOSPC, "full"), "worker_full"),
    (ZeroDivisionError(), "internal"),
]


@pytest.mark.parametrize(("error", "code"), FINAL, ids=[code for _, code in FINAL])
def test_what_cannot_pass_fails_at_the_first_attempt(bench: Bench, error: Exception, code: str) -> None:
    job, _ = bench.job()
    bench.work.script = _raises(error)
    assert bench.handle() == Outcome("deleted")
    done = bench.now(job)
    assert (done.status, done.attempts, done.failures) == (Status.FAILED, 1, 1)
    assert done.error
    assert done.error.code == code
    assert done.error.detail.endswith(".")
    assert bench.standard.waiting == 0
    assert [e.type for e in bench.store.events].count("transcription.failed") == 1


@pytest.mark.parametrize(("error", "code"), PASSING, ids=[repr(error)[:50] for error, _ in PASSING])
def test_what_may_pass_is_tried_three_times_with_growing_delay(
    bench: Bench, clock: Any, error: Exception, code: str
) -> None:
    job, _ = bench.job()
    bench.work.script = _raises(error)
    for failures, delay in ((1, 5), (2, 15)):
        assert bench.handle() == Outcome("later", delay)
        waiting = bench.now(job)
        assert (waiting.status, waiting.failures, waiting.error and waiting.error.code) == (
            Status.QUEUED,
            failures,
            code,
        )
        assert bench.standard.receive(0) is None, "it came back before its delay"
        clock.move(seconds=delay)
    assert bench.handle() == Outcome("deleted")
    done = bench.now(job)
    assert (done.status, done.attempts, done.failures) == (Status.FAILED, 3, 3)
    assert done.error
    assert done.error.code == code
    assert "tried 3 times" in done.error.detail
    assert bench.standard.waiting == 0


HERE = "antiphon-table arn:aws:s3:::antiphon-bucket /var/task/handler.py whisperx"


@pytest.mark.parametrize(
    "error",
    [
        EngineError(f"whisperx 3.8 failed: {HERE}", retryable=True),
        EngineError(f"kokoro cannot load {HERE}"),
        ClientError({"Error": {"Code": "AccessDenied", "Message": HERE}}, "GetObject"),
        PutError(HERE, ClientError({"Error": {"Code": "ValidationException", "Message": HERE}}, "PutItem")),
        NotFound(f"The object {HERE} is not there any more.", code="object_missing"),
        MemoryError(HERE),
        OSError(errno.ENOSPC, HERE, HERE),
        ConnectTimeoutError(endpoint_url=HERE),
        RuntimeError(HERE),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_a_library_said_is_in_the_log_and_not_in_the_job(
    bench: Bench, clock: Any, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    """A-55"""
    caplog.set_level(logging.INFO)
    job, _ = bench.job()
    bench.work.script = _raises(error)
    while bench.handle() != Outcome("deleted"):
        clock.move(seconds=60)
    done = bench.now(job)
    assert done.error
    told = f"{done.error.code} {done.error.detail} {[event.data for event in bench.store.events]}"
    for word in (*HERE.split(), "Error", "Traceback"):
        assert word not in told
    assert HERE.split()[0] in caplog.text


def test_what_passes_at_the_second_attempt_succeeds_and_shows_no_error(bench: Bench, clock: Any) -> None:
    job, _ = bench.job()
    bench.work.script = _raises(MemoryError())
    bench.handle()
    clock.move(seconds=5)
    bench.work.script = bench.finish
    assert bench.handle() == Outcome("deleted")
    assert (bench.now(job).status, bench.now(job).error) == (Status.SUCCEEDED, None)


def test_a_retried_job_has_three_attempts_again(bench: Bench, clock: Any) -> None:
    job, _ = bench.job()
    bench.work.script = _raises(MediaError("no"))
    bench.handle()
    bench.store.apply(model.retry(bench.now(job), clock()))
    bench.standard.send(bench.message(job, "again"))
    bench.work.script = _raises(MemoryError())
    assert [bench.handle().what for _ in range(2) if clock.move(seconds=60)] == ["later", "later"]
    assert bench.now(job).status is Status.QUEUED


def test_a_handed_back_job_was_no_failure(bench: Bench) -> None:
    """Q-30"""
    job, _ = bench.job()
    bench.work.script = _raises(Drained())
    assert bench.handle() == Outcome("later", 0)
    waiting = bench.now(job)
    assert (waiting.status, waiting.failures, waiting.error) == (Status.QUEUED, 0, None)
    assert bench.standard.receive(0) is not None


def test_a_lost_lease_touches_neither_job_nor_message(bench: Bench) -> None:
    """Q-13"""
    job, _ = bench.job()

    def script(job: Job, lease: Lease, prepared: Any) -> None:
        bench.clock.move(seconds=61)
        bench.claimed(job)
        raise LeaseLost

    bench.work.script = script
    assert bench.handle() == Outcome("dropped")
    assert bench.now(job).lease_owner == "another"
    assert bench.standard.hidden == []
    assert bench.standard.waiting == 1


def test_a_worker_that_lost_its_job_says_nothing_of_its_own_failure(bench: Bench) -> None:
    """Q-13: the zombie fails while another works."""
    job, _ = bench.job()

    def script(job: Job, lease: Lease, prepared: Any) -> None:
        bench.clock.move(seconds=61)
        bench.claimed(job)
        raise MediaError("the zombie could not read it")

    bench.work.script = script
    assert bench.handle() == Outcome("dropped")
    now = bench.now(job)
    assert (now.status, now.lease_owner, now.error) == (Status.RUNNING, "another", None)


def test_the_time_that_a_worker_gave_a_job_is_measured_however_it_ends(bench: Bench) -> None:
    """O-05"""
    seen = MemoryMetrics()
    for script in (bench.finish, _raises(ZeroDivisionError("a defect"))):
        bench.job()
        bench.work.script = script
        bench.handle(metrics=seen)
    assert [(name, of) for name, _, of in seen.seen] == [("WorkerSeconds", {"kind": "transcription"})] * 2


def test_a_defect_is_logged_with_its_traceback(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    bench.job()
    bench.work.script = _raises(ZeroDivisionError("a defect"))
    with caplog.at_level(logging.INFO):
        bench.handle()
    (record,) = [r for r in caplog.records if r.message == "attempt failed"]
    assert record.levelno == logging.ERROR
    assert record.exc_info
    assert record.exc_info[0] is ZeroDivisionError


def test_a_table_that_does_not_answer_costs_the_worker_nothing_but_time(bench: Bench) -> None:
    class Down(MemoryJobStore):
        down = False

        def get(self, *key: Any) -> Any:
            if self.down:
                raise ConnectTimeoutError(endpoint_url="table")
            return super().get(*key)

    bench.store = store = Down()
    job, _ = bench.job()
    store.down = True
    held = bench.receive()
    held.prepared = "a file and its decoder"
    assert bench.worker().handle(held) == Outcome("later", 60)
    assert bench.work.discarded == ["a file and its decoder"]
    store.down = False
    bench.clock.move(seconds=60)
    assert bench.handle() == Outcome("deleted")
    assert bench.now(job).status is Status.SUCCEEDED

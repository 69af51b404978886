"""PEERS 8: what the jobs of an API key cost is counted with the change that tells of it, and its budget is not exceeded but by what was in hand."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from antiphon.speech import model
from antiphon.speech.dynamo import DynamoJobStore
from antiphon.speech.memory import MemoryJobStore
from antiphon.speech.metering import QuotaExceeded, micro_usd
from antiphon.speech.model import Budget, Failure, Job, Kind, Source, Status
from antiphon.speech.ports import JobStore, Stale
from antiphon.speech.prices import usd

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
LEASE = timedelta(seconds=60)
USER, KEY = "usr_01", "key_1"
MONTH = "2026-11"
HOUR = micro_usd(usd(3600, NOW))
"""What an hour of a worker costs."""


@pytest.fixture(params=["memory", "dynamo"])
def store(request: pytest.FixtureRequest) -> JobStore:
    if request.param == "memory":
        return MemoryJobStore()
    return DynamoJobStore(request.getfixturevalue("table"))


def made(number: int, limit: int, quoted: int = 0, key: str = KEY) -> Job:
    source = Source("bucket", "texts/x", "v1", "0A", 10)
    budget = Budget(key, limit, quoted)
    return Job(
        f"job_{number:026d}", Kind.TRANSCRIPTION, USER, Status.QUEUED, NOW, source=source, tier="premium", budget=budget
    )


def queued(store: JobStore, number: int, limit: int, quoted: int = 0, key: str = KEY) -> Job:
    change = model.create(made(number, limit, quoted, key), NOW)
    store.apply(change)
    return change.after


def claimed(store: JobStore, job: Job) -> Job:
    change = model.claim(job, owner="w", message_id=job.id, lease=LEASE, now=NOW)
    store.apply(change)
    return change.after


def worked(store: JobStore, job: Job, hours: float) -> Job:
    later = (job.metered_at or NOW) + timedelta(hours=hours)
    change = model.advance(job, owner="w", lease=LEASE, now=later)
    store.apply(change)
    return change.after


def spent(store: JobStore, key: str = KEY) -> int:
    return store.spent(USER, MONTH, [key]).get(key, 0)


def test_a_budget_counts_what_was_measured(store: JobStore) -> None:
    """The store gives the job back with its budget."""
    job = queued(store, 1, 10 * HOUR)
    assert store.get(USER, Kind.TRANSCRIPTION, job.id) == job
    assert spent(store) == 0
    running = worked(store, claimed(store, job), 1)
    assert spent(store) == HOUR
    store.apply(model.finish(running, owner="w", now=NOW + timedelta(hours=1.5)))
    assert spent(store) == 1.5 * HOUR
    assert spent(store, "key_2") == 0
    assert store.usage(USER, MONTH).audio_ms == 0


def test_what_was_quoted_is_set_aside_until_the_job_has_ended(store: JobStore) -> None:
    job = queued(store, 1, 10 * HOUR, quoted=4 * HOUR)
    assert spent(store) == 4 * HOUR
    running = worked(store, claimed(store, job), 1)
    assert spent(store) == 4 * HOUR
    store.apply(model.finish(running, owner="w", now=NOW + timedelta(hours=2)))
    assert spent(store) == 2 * HOUR


@pytest.mark.parametrize("end", ["fail", "cancel", "delete"])
def test_a_job_that_comes_to_nothing_costs_what_was_spent_on_it(store: JobStore, end: str) -> None:
    running = worked(store, claimed(store, queued(store, 1, 10 * HOUR, quoted=4 * HOUR)), 1)
    if end == "fail":
        store.apply(model.fail(running, Failure("x", "y"), NOW + timedelta(hours=1), owner="w"))
    elif end == "cancel":
        store.apply(model.cancel(running, NOW + timedelta(hours=1)))
    else:
        store.delete(running)
    assert spent(store) == HOUR


def test_of_racing_requests_as_many_are_taken_as_the_budget_holds(store: JobStore) -> None:
    def asked(number: int) -> str:
        try:
            queued(store, number, 10 * HOUR, quoted=3 * HOUR)
        except QuotaExceeded as error:
            return error.code
        return "taken"

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(asked, range(8)))
    assert sorted(answers) == ["budget_exceeded"] * 5 + ["taken"] * 3
    assert spent(store) == 9 * HOUR
    queued(store, 9, 10 * HOUR, quoted=3 * HOUR, key="key_2")


def test_a_job_without_a_quote_ends_at_the_chunk_that_the_budget_does_not_hold(store: JobStore) -> None:
    job = worked(store, claimed(store, queued(store, 1, 2 * HOUR)), 1.5)
    with pytest.raises(QuotaExceeded):
        worked(store, job, 1)
    assert spent(store) == 1.5 * HOUR
    store.apply(model.fail(job, Failure("budget_exceeded", "y"), NOW + timedelta(hours=2.5), owner="w"))
    assert spent(store) == 2.5 * HOUR


def test_when_the_budget_has_ended_nothing_of_the_key_begins(store: JobStore) -> None:
    """Neither a new job, nor one that waited without a quote, nor a retry; one for which enough was set aside goes on."""
    sure, waiting = queued(store, 1, 3 * HOUR, quoted=HOUR), queued(store, 2, 3 * HOUR)
    first = worked(store, claimed(store, queued(store, 3, 3 * HOUR)), 1)
    failed = model.fail(first, Failure("x", "y"), NOW + timedelta(hours=2.5), owner="w")
    store.apply(failed)
    assert spent(store) == 3.5 * HOUR
    for refused in (
        model.create(made(4, 3 * HOUR), NOW),
        model.claim(waiting, owner="w", message_id="m", lease=LEASE, now=NOW),
        model.retry(failed.after, NOW),
    ):
        with pytest.raises(QuotaExceeded):
            store.apply(refused)
    running = worked(store, claimed(store, sure), 0.5)
    store.apply(model.finish(running, owner="w", now=NOW + timedelta(hours=1)))
    assert spent(store) == 3.5 * HOUR


def test_a_retry_takes_the_budget_of_the_month_in_which_it_is(store: JobStore) -> None:
    running = worked(store, claimed(store, queued(store, 1, 2 * HOUR, quoted=2 * HOUR)), 1)
    failed = model.fail(running, Failure("x", "y"), NOW + timedelta(hours=1), owner="w")
    store.apply(failed)
    later = datetime(2026, 12, 1, tzinfo=UTC)
    store.apply(model.retry(failed.after, later))
    assert spent(store) == HOUR
    assert store.spent(USER, "2026-12", [KEY]) == {KEY: HOUR}


def test_a_change_that_is_written_twice_is_charged_once(store: JobStore) -> None:
    job = claimed(store, queued(store, 1, 10 * HOUR))
    change = model.advance(job, owner="w", lease=LEASE, now=NOW + timedelta(hours=1))
    store.apply(change)
    store.apply(change)
    with pytest.raises(Stale):
        store.apply(replace(change, after=replace(change.after, progress=7)))
    assert spent(store) == HOUR

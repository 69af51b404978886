"""Q-12, Q-42: transactions meet at a user's counters. That delays a change; it is no quota, it loses nothing and counts nothing twice."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from antiphon.identity.tiers import TIERS
from antiphon.platform import table as tables
from antiphon.platform.errors import Unavailable
from antiphon.platform.table import ROUNDS, Table
from antiphon.speech import model
from antiphon.speech.dynamo import DynamoJobStore
from antiphon.speech.metering import QuotaExceeded, Usage
from antiphon.speech.model import Failure, Kind
from antiphon.speech.ports import Stale
from tests.contract.test_job_store import NOW, USER, queued, spoken
from tests.faults import Refusals, refusal

LIMIT = TIERS["free"].characters
CONFLICTS = [
    ("None", "None", "TransactionConflict", "None"),
    ("None", "None", "None", "TransactionConflict"),
    ("None", "None", "TransactionConflict", "TransactionConflict"),
    ("TransactionConflict", "None", "None", "None"),
]
"""Job, event, counters of the month, counters of now."""


@pytest.fixture
def store(table: Table) -> DynamoJobStore:
    return DynamoJobStore(table)


@pytest.fixture
def refusals(store: DynamoJobStore, monkeypatch: pytest.MonkeyPatch) -> Refusals:
    monkeypatch.setattr(tables.time, "sleep", lambda seconds: None)
    return Refusals(monkeypatch)


def canceled(*reasons: str, times: int) -> Any:
    answer = refusal("TransactionCanceledException", *reasons)
    return lambda operation, number: answer if operation == "TransactWriteItems" and number <= times else None


@pytest.mark.parametrize("reasons", CONFLICTS)
@pytest.mark.parametrize("times", [1, ROUNDS - 1])
def test_a_change_that_met_another_is_made_again(
    store: DynamoJobStore, refusals: Refusals, reasons: tuple[str, ...], times: int
) -> None:
    refusals.plan = canceled(*reasons, times=times)
    store.apply(spoken(1, LIMIT))
    assert store.usage(USER, "2026-11") == Usage(1, 10, characters=LIMIT)
    assert refusals.calls["TransactWriteItems"] == times + 1


@pytest.mark.parametrize("reasons", CONFLICTS)
def test_a_change_that_never_gets_through_is_neither_stale_nor_beyond_the_quota(
    store: DynamoJobStore, refusals: Refusals, reasons: tuple[str, ...]
) -> None:
    refusals.plan = canceled(*reasons, times=10**6)
    with pytest.raises(Unavailable) as busy:
        store.apply(spoken(1, LIMIT))
    assert (busy.value.status, busy.value.retryable, busy.value.retry_after) == (503, True, 1)
    assert store.get(USER, Kind.SPEECH, f"job_{1:026d}") is None
    assert store.usage(USER, "2026-11") == Usage()


def test_the_position_of_a_refusal_says_what_it_means(store: DynamoJobStore, refusals: Refusals) -> None:
    """The row of the job first: who was late is told to read again, whatever the counters say."""
    store.apply(spoken(1, 100))
    for reasons, error in [
        (("ConditionalCheckFailed", "None", "ConditionalCheckFailed", "None"), Stale),
        (("ConditionalCheckFailed", "None", "TransactionConflict", "None"), Stale),
        (("None", "None", "ConditionalCheckFailed", "TransactionConflict"), QuotaExceeded),
        (("None", "None", "None", "ConditionalCheckFailed"), QuotaExceeded),
    ]:
        refusals.calls.clear()
        refusals.plan = canceled(*reasons, times=1)
        with pytest.raises(error):
            store.apply(spoken(2, 100))
    assert store.usage(USER, "2026-11") == Usage(1, 10, characters=100)


def test_a_deletion_that_met_another_gives_back_once(store: DynamoJobStore, refusals: Refusals) -> None:
    job = queued(store)
    ended = model.fail(job, Failure("x", "y"), NOW)
    store.apply(ended)
    refusals.calls.clear()
    refusals.plan = canceled("None", "TransactionConflict", times=3)
    for _ in range(2):
        store.delete(ended.after)
    assert store.usage(USER, "2026-11") == Usage()


def test_many_jobs_that_begin_and_end_at_once_leave_nothing_behind(store: DynamoJobStore) -> None:
    """Q-12"""

    def live(number: int) -> None:
        job = spoken(number, 7)
        store.apply(job)
        ended = model.cancel(job.after, NOW)
        store.apply(ended)
        if number % 2:
            store.delete(ended.after)

    with ThreadPoolExecutor(10) as pool:
        list(pool.map(live, range(20)))
    assert store.usage(USER, "2026-11") == Usage(storage_bytes=100)

"""T-03: the fake and the real store of attempts pass one suite."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from antiphon.identity.attempts import FREE, Attempts, AttemptStore, Tried
from antiphon.identity.attempts_dynamo import DynamoAttempts
from antiphon.identity.attempts_memory import MemoryAttempts
from antiphon.platform.errors import TooMany

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@pytest.fixture(params=["memory", "dynamo"])
def store(request: pytest.FixtureRequest) -> AttemptStore:
    return MemoryAttempts() if request.param == "memory" else DynamoAttempts(request.getfixturevalue("table"))


def test_tries_are_added_up_to_a_number(store: AttemptStore) -> None:
    assert [store.add("a", 2, NOW) for _ in range(3)] == [True, True, False]
    assert store.get("a") == Tried(2, NOW)
    assert store.get("b") is None


def test_one_is_replaced_only_as_it_was_read(store: AttemptStore) -> None:
    store.add("a", 2, NOW)
    later = Tried(2, NOW + timedelta(seconds=1))
    assert store.replace("a", Tried(1, NOW), later)
    assert not store.replace("a", Tried(1, NOW), Tried(9, NOW))
    assert store.get("a") == later


def test_tries_are_taken_back_and_cleared(store: AttemptStore) -> None:
    store.take_back("a")
    store.add("a", 2, NOW)
    store.add("a", 2, NOW)
    store.take_back("a")
    assert store.get("a") == Tried(1, NOW)
    for _ in range(2):
        store.clear("a")
    assert store.get("a") is None


def test_who_takes_one_back_leaves_the_time_of_the_one_before(store: AttemptStore) -> None:
    store.add("a", 1, NOW)
    for seconds in (5, 9):
        assert store.replace("a", Tried(1, NOW), Tried(2, NOW + timedelta(seconds=seconds)))
        store.take_back("a")
        assert store.get("a") == Tried(1, NOW)


def test_of_fifty_at_once_ten_are_looked_at(store: AttemptStore) -> None:
    """A-12"""
    attempts = Attempts(store, lambda: NOW, network_free=1000)

    def attempt(_: int) -> bool:
        try:
            attempts.begin("a", "n")
        except TooMany:
            return False
        return True

    with ThreadPoolExecutor(50) as pool:
        assert sum(pool.map(attempt, range(50))) == FREE
    tried = store.get("network#n")
    assert tried is not None
    assert tried.count == FREE

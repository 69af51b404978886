"""T-03, L-08: the fake and the real budget pass one suite."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from antiphon.conversations.budget import Reserved, SettleBudget
from antiphon.conversations.budget_dynamo import DynamoBudget
from antiphon.conversations.memory import MemoryBudget
from antiphon.identity.tiers import TIERS
from antiphon.speech.metering import QuotaExceeded
from antiphon.speech.usage_dynamo import DynamoUsage

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
LATER = NOW + timedelta(minutes=10)
FEW = replace(TIERS["free"], tokens=3_500)
Budgets = MemoryBudget | DynamoBudget


@pytest.fixture(params=["memory", "dynamo"])
def budget(request: pytest.FixtureRequest) -> Budgets:
    return MemoryBudget() if request.param == "memory" else DynamoBudget(request.getfixturevalue("table"))


def tokens(budget: Budgets, request: pytest.FixtureRequest) -> int:
    if isinstance(budget, MemoryBudget):
        return budget.tokens["usr_1"]
    return DynamoUsage(request.getfixturevalue("table")).of("usr_1", "2026-11").tokens


def some(number: int = 1) -> Reserved:
    return Reserved(f"req_{number}", "usr_1", "2026-11", 1_000, LATER)


def test_what_was_set_aside_is_settled_once(budget: Budgets, request: pytest.FixtureRequest) -> None:
    for _ in range(2):
        budget.reserve(some(), FEW, NOW)
    assert tokens(budget, request) == 1_000
    assert budget.settle(some(), 30)
    assert not budget.settle(some(), 30)
    assert tokens(budget, request) == 30


def test_never_more_than_there_is_however_many_ask_at_once(budget: Budgets, request: pytest.FixtureRequest) -> None:
    def ask(number: int) -> bool:
        try:
            budget.reserve(some(number), FEW, NOW)
        except QuotaExceeded:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(ask, range(10))) == 3
    assert tokens(budget, request) == 3_000


def test_what_a_dead_process_set_aside_comes_back(budget: Budgets, request: pytest.FixtureRequest) -> None:
    for number in range(3):
        budget.reserve(some(number), FEW, NOW)
    budget.settle(some(0), 10)
    assert SettleBudget(budget, lambda: LATER - timedelta(seconds=1))() == 0
    assert SettleBudget(budget, lambda: LATER)() == 2
    assert SettleBudget(budget, lambda: LATER)() == 0
    assert tokens(budget, request) == 10

"""T-03: the fake and the real limiter, and the audit log, pass one suite."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import boto3
import pytest

from antiphon.platform.audit import AuditLog, Entry
from antiphon.platform.audit_dynamo import DynamoAuditLog
from antiphon.platform.audit_memory import MemoryAuditLog
from antiphon.platform.limits import CREATIONS, TOTAL, Limiter
from antiphon.platform.limits_dynamo import DynamoLimiter
from antiphon.platform.limits_memory import MemoryLimiter
from tests.contract.conftest import REGION
from tests.faults import Faults

NOW = datetime(2026, 11, 20, 12, 0, 30, tzinfo=UTC)


@pytest.fixture(params=["memory", "dynamo"])
def limiter(request: pytest.FixtureRequest) -> Limiter:
    return MemoryLimiter() if request.param == "memory" else DynamoLimiter(request.getfixturevalue("table"))


@pytest.fixture(params=["memory", "dynamo"])
def audit(request: pytest.FixtureRequest) -> AuditLog:
    return MemoryAuditLog() if request.param == "memory" else DynamoAuditLog(request.getfixturevalue("table"))


def test_a_window_counts_up_to_its_limit_and_not_what_it_refuses(limiter: Limiter) -> None:
    for number in (1, 2):
        assert limiter.count("usr_1", {TOTAL: 2}, NOW) == {TOTAL: number}
    for _ in range(3):
        assert limiter.count("usr_1", {TOTAL: 2}, NOW) is None
    assert limiter.count("usr_1", {TOTAL: 3}, NOW) == {TOTAL: 3}
    assert limiter.count("usr_2", {TOTAL: 2}, NOW) == {TOTAL: 1}
    assert limiter.count("usr_1", {TOTAL: 2}, NOW + timedelta(seconds=30)) == {TOTAL: 1}


def test_all_counters_of_a_request_count_or_none(limiter: Limiter) -> None:
    assert limiter.count("usr_1", {TOTAL: 9, CREATIONS: 1}, NOW) is not None
    assert limiter.count("usr_1", {TOTAL: 9, CREATIONS: 1}, NOW) is None
    assert limiter.count("usr_1", {TOTAL: 9}, NOW) == {TOTAL: 2}


def test_of_fifty_at_once_as_many_pass_as_may(limiter: Limiter) -> None:
    """A-56"""
    with ThreadPoolExecutor(50) as pool:
        found = list(pool.map(lambda _: limiter.count("usr_1", {TOTAL: 20}, NOW), range(50)))
    assert sum(f is not None for f in found) == 20


def test_a_request_costs_one_write(table: object, monkeypatch: pytest.MonkeyPatch) -> None:
    faults, limiter = Faults(monkeypatch), DynamoLimiter(table)  # type: ignore[arg-type]
    with faults.watched():
        limiter.count("usr_1", {TOTAL: 2, CREATIONS: 2}, NOW)
    assert faults.calls == 1
    (row,) = boto3.client("dynamodb", region_name=REGION).scan(TableName="antiphon")["Items"]
    assert 60 <= int(row["ttl"]["N"]) - NOW.timestamp() <= 300
    assert "usr_1" in row["pk"]["S"]


def entry(number: int, user: str = "usr_1") -> Entry:
    return Entry(user, "key_1", "x.y", "t", "204", NOW + timedelta(seconds=number), f"req_{number}", "192.0.2.7", 12)


def test_the_log_is_read_newest_first_page_by_page(audit: AuditLog) -> None:
    """A-47"""
    for number in range(5):
        audit.append(entry(number))
        audit.append(entry(number))
    audit.append(entry(9, "usr_2"))
    first = audit.of("usr_1", 2)
    second = audit.of("usr_1", 2, first.position)
    third = audit.of("usr_1", 2, second.position)
    assert [*first.items, *second.items, *third.items] == [entry(number) for number in (4, 3, 2, 1, 0)]
    assert third.position is None
    assert audit.of("usr_3", 2).items == ()


def test_an_entry_stays_as_it_was_written(audit: AuditLog) -> None:
    """A-47"""
    first = Entry("-", "intake", "object.stray", "key", "unknown", NOW)
    audit.append(first)
    audit.append(Entry("-", "intake", "object.stray", "key", "forged", NOW))
    assert audit.of("-", 9).items == (first,)

"""How an erasure goes on, ends and is counted; what it finds is the business of the stores."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from antiphon.identity.erase import RESUME_AFTER, Erase
from antiphon.identity.erase_memory import MemoryAccountObjects, MemoryAccountRows, MemorySecondLooks
from antiphon.identity.memory import MemoryUsers
from antiphon.identity.model import Removed, User, UserStatus, account_key
from antiphon.platform.audit_memory import MemoryAuditLog
from antiphon.platform.errors import NotFound
from tests.unit.conftest import HeldClock

ANNA, BORIS = "usr_anna", "usr_boris"
SPAN = timedelta(seconds=20)


class Desk:
    def __init__(self, clock: HeldClock) -> None:
        self.clock = clock
        self.users = MemoryUsers()
        self.rows, self.objects = MemoryAccountRows(self.users), MemoryAccountObjects()
        self.looks, self.audit = MemorySecondLooks(), MemoryAuditLog()
        for user_id in (ANNA, BORIS):
            self.users.create(User(user_id, f"{user_id}@example.com", "hash", clock()))
            self.rows.rows |= {user_id: ["a", "b", "c"], f"{user_id}@example.com": ["attempts"]}
            self.objects.versions[user_id] = {"x": 2, "y": 3}
        self.erase = Erase(rows=self.rows, objects=self.objects, looks=self.looks, audit=self.audit, clock=clock)

    def left(self, user_id: str) -> tuple[int, int]:
        rows = self.rows.rows[user_id] + self.rows.rows[f"{user_id}@example.com"]
        return len(rows), len(self.objects.versions[user_id])


@pytest.fixture
def desk(clock: HeldClock) -> Desk:
    return Desk(clock)


def test_a_receipt_counts_all_and_says_since_when(desk: Desk) -> None:
    """A-63"""
    receipt = desk.erase(ANNA, desk.clock() + SPAN)
    assert (receipt.rows, receipt.objects, receipt.versions) == (4 + 2, 2, 5)
    assert (receipt.complete, receipt.at) == (True, desk.clock())
    assert desk.users.get(ANNA) is None
    assert desk.left(ANNA) == (0, 0)
    assert desk.left(BORIS) == (4, 2)
    assert desk.users.get(BORIS) is not None


def test_the_same_receipt_is_given_again(desk: Desk) -> None:
    first = desk.erase(ANNA, desk.clock() + SPAN)
    desk.clock.move(minutes=5)
    assert desk.erase(ANNA, desk.clock() + SPAN) == first
    assert desk.looks.waiting == [ANNA]


def test_nobody_cannot_be_erased(desk: Desk) -> None:
    with pytest.raises(NotFound):
        desk.erase("usr_none", desk.clock() + SPAN)


def test_each_pass_makes_a_step_and_the_last_one_counts_them_all(desk: Desk) -> None:
    receipt = desk.erase(ANNA, desk.clock())
    assert (receipt.complete, desk.users.standing(ANNA)) == (False, "erased")
    passes = 0
    while not receipt.complete:
        (receipt,) = desk.erase.resume(desk.clock())
        passes += 1
    assert passes == 6
    assert (receipt.rows, receipt.objects, receipt.versions) == (6, 2, 5)


def test_one_that_died_is_taken_up_after_a_minute_and_not_before(desk: Desk) -> None:
    desk.rows.mark(ANNA, desk.clock(), desk.clock() + RESUME_AFTER)
    assert desk.erase.resume(desk.clock() + SPAN) == []
    desk.clock.move(seconds=60)
    (receipt,) = desk.erase.resume(desk.clock() + SPAN)
    assert receipt.complete
    assert desk.erase.resume(desk.clock() + SPAN) == []


class Broken(MemoryAccountObjects):
    def remove(self, user_id: str) -> Iterator[Removed]:
        if user_id == ANNA:
            raise ConnectionError
        return super().remove(user_id)


def test_one_that_cannot_go_on_keeps_nobody_waiting_and_is_told_of(desk: Desk) -> None:
    desk.erase._objects = Broken()
    for user_id in (ANNA, BORIS):
        desk.rows.mark(user_id, desk.clock(), desk.clock())
    with pytest.raises(ConnectionError):
        desk.erase.resume(desk.clock() + SPAN)
    assert desk.users.get(BORIS) is None
    anna = desk.users.get(ANNA)
    assert anna is not None
    assert anna.status is UserStatus.ERASING


def test_the_audit_log_has_it_once_and_does_not_say_who(desk: Desk) -> None:
    """A-47"""
    desk.erase(ANNA, desk.clock())
    desk.clock.move(seconds=90)
    desk.erase.resume(desk.clock() + SPAN)
    (entry,) = desk.audit.entries.values()
    assert (entry.user_id, entry.action, entry.outcome) == ("-", "account.erased", "succeeded")
    assert entry.target == f"sha256:{account_key(ANNA)}"
    assert ANNA not in repr(entry)


def test_a_second_look_takes_what_came_late_and_leaves_the_address_alone(desk: Desk) -> None:
    desk.erase(ANNA, desk.clock() + SPAN)
    desk.rows.rows[ANNA] = ["late"]
    desk.rows.rows[f"{ANNA}@example.com"] = ["of the next one with this address"]
    desk.objects.versions[ANNA] = {"late": 1}
    assert desk.erase.look_again(desk.clock() + SPAN) == Removed(1, 1, 1)
    assert desk.rows.rows[f"{ANNA}@example.com"] == ["of the next one with this address"]
    assert desk.looks.waiting == []


def test_a_second_look_that_has_no_time_comes_again(desk: Desk) -> None:
    for user_id in (ANNA, BORIS):
        desk.erase(user_id, desk.clock() + SPAN)
    desk.rows.rows[ANNA] = ["late", "later"]
    assert desk.erase.look_again(desk.clock()) == Removed(rows=1)
    assert desk.looks.waiting == [ANNA, BORIS]
    assert desk.erase.look_again(desk.clock() + SPAN) == Removed(rows=1)
    assert desk.looks.waiting == []

"""T-03: the fake and the real log of mails pass one suite."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from antiphon.identity.mail import MailLog
from antiphon.identity.mail_dynamo import DynamoMailLog
from antiphon.identity.mail_memory import MemoryMailLog
from tests.unit.conftest import HeldClock


@pytest.fixture
def clock() -> HeldClock:
    return HeldClock()


@pytest.fixture(params=["memory", "dynamo"])
def log(request: pytest.FixtureRequest, clock: HeldClock) -> MailLog:
    if request.param == "memory":
        return MemoryMailLog(clock)
    return DynamoMailLog(request.getfixturevalue("table"), clock)


def test_three_messages_have_a_place_and_keep_it(log: MailLog) -> None:
    """A-30"""
    for _ in range(3):
        assert [log.may_send("a@x.com", f"m{n}") for n in range(5)] == [True, True, True, False, False]
    assert log.may_send("b@x.com", "m9")


def test_of_many_at_once_three_have_a_place(log: MailLog) -> None:
    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(lambda n: log.may_send("a@x.com", f"m{n}"), range(20))) == 3


def test_what_was_sent_is_known(log: MailLog) -> None:
    assert not log.was_sent("a@x.com", "m1")
    assert log.may_send("a@x.com", "m1")
    assert not log.was_sent("a@x.com", "m1")
    log.sent("a@x.com", "m1")
    assert log.was_sent("a@x.com", "m1")
    assert not log.was_sent("a@x.com", "m2")
    log.sent("b@x.com", "m3")
    assert log.was_sent("b@x.com", "m3")
    assert log.may_send("a@x.com", "m1")


def test_what_was_sent_is_known_as_long_as_the_queue_may_repeat_itself(log: MailLog, clock: HeldClock) -> None:
    """A-30: a message that comes again in another hour sends no second mail."""
    log.sent("a@x.com", "m1")
    clock.move(hours=1)
    assert log.was_sent("a@x.com", "m1")
    clock.move(days=13)
    assert log.was_sent("a@x.com", "m1")
    assert [log.may_send("a@x.com", f"m{n}") for n in range(5)] == [True, True, True, False, False]
    clock.move(hours=1)
    assert log.may_send("a@x.com", "m4")

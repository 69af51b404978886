"""T-03: the fake and the real log of mails pass one suite."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from antiphon.identity.mail import MailLog
from antiphon.identity.mail_dynamo import DynamoMailLog
from antiphon.identity.mail_memory import MemoryMailLog

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@pytest.fixture(params=["memory", "dynamo"])
def log(request: pytest.FixtureRequest) -> MailLog:
    if request.param == "memory":
        return MemoryMailLog(lambda: NOW)
    return DynamoMailLog(request.getfixturevalue("table"), lambda: NOW)


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

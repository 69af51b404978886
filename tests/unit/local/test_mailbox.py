"""`make run` prints each mail once, whatever becomes of the emulator."""

from __future__ import annotations

from http.client import IncompleteRead
from typing import Any

import pytest

from infra.local.supervisor import Mailbox


class Stack:
    def __init__(self) -> None:
        self.there: list[dict[str, Any]] = []
        self.failure: Exception | None = None

    def mails(self) -> list[dict[str, Any]]:
        if self.failure:
            raise self.failure
        return self.there


def mail(name: str) -> dict[str, Any]:
    return {"MessageId": name, "To": [f"{name}@example.com"], "Subject": f"About {name}", "BodyText": f"text {name}"}


@pytest.fixture
def stack() -> Stack:
    return Stack()


def printed(mailbox: Mailbox, capsys: pytest.CaptureFixture[str]) -> str:
    mailbox.show()
    return capsys.readouterr().out


def test_a_mail_is_printed_once_and_those_of_an_earlier_run_are_not(
    stack: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    stack.there = [mail("old")]
    mailbox = Mailbox(stack)  # type: ignore[arg-type]
    stack.there = [mail("old"), mail("a")]
    assert printed(mailbox, capsys).split() == ["Mail", "to", "a@example.com:", "About", "a", "text", "a"]
    assert printed(mailbox, capsys) == ""


def test_after_an_emulator_that_lost_its_last_mails_the_next_one_is_printed(
    stack: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    mailbox = Mailbox(stack)  # type: ignore[arg-type]
    stack.there = [mail("a"), mail("lost")]
    printed(mailbox, capsys)
    stack.there = [mail("a"), mail("b")]
    assert "text b" in printed(mailbox, capsys)


@pytest.mark.parametrize("failure", [ConnectionRefusedError(), IncompleteRead(b""), ValueError("cut off")], ids=repr)
def test_an_emulator_that_is_away_ends_nothing(
    stack: Stack, capsys: pytest.CaptureFixture[str], failure: Exception
) -> None:
    mailbox = Mailbox(stack)  # type: ignore[arg-type]
    stack.there, stack.failure = [mail("a")], failure
    assert printed(mailbox, capsys) == ""
    stack.failure = None
    assert "text a" in printed(mailbox, capsys)

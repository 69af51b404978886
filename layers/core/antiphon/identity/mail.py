"""Mail to the owners of accounts: what is asked for, and how it goes out. Asking is cheap and the same for everybody; the rest happens behind a queue."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from antiphon.identity.letters import Letter

PER_HOUR = 3
"""Links for a new password that an address gets at most."""


class Kind(StrEnum):
    PASSWORD_RESET = "password_reset"
    PASSWORD_CHANGED = "password_changed"
    SESSION_REUSED = "session_reused"
    ACCOUNT_LINKED = "account_linked"
    WEBHOOK_GONE = "webhook_gone"
    WEBHOOK_FAILING = "webhook_failing"


@dataclass(frozen=True)
class Mail:
    """To the owner of ``user_id``, or of ``email`` if there is one. ``about``: the id of the thing it tells of."""

    kind: Kind
    user_id: str | None = None
    email: str | None = None
    about: str = ""


class Mails(Protocol):
    def send(self, mail: Mail, *, request_id: str | None = None) -> None:
        """Hands it to the queue. At least once."""


class Post(Protocol):
    def deliver(self, to: str, letter: Letter) -> None: ...


class MailLog(Protocol):
    def may_send(self, address: str, message_id: str) -> bool:
        """Reserves one of the address's mails of this hour for this message; the same message again has its place already."""

    def was_sent(self, address: str, message_id: str) -> bool:
        """As far back as the queue may repeat itself."""

    def sent(self, address: str, message_id: str) -> None: ...


def mail_of(body: Mapping[str, str]) -> Mail:
    """body: of a message. Raises KeyError, ValueError for anything else."""
    return Mail(Kind(body["kind"]), body.get("user_id"), body.get("email"), body.get("about") or "")

"""What the identity use cases need from outside."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Literal, Protocol

from antiphon.identity.model import Mark, Removed, SecondLook, Session, User

Standing = Literal["here", "erased", "unknown"]
"""Of an account: ``here``, also a suspended one; ``erased``: it is on its way out, or went within the last day."""


class EmailTaken(Exception):
    """Another user has this address. Becomes a Conflict where that may be said."""


class UserStore(Protocol):
    def create(self, user: User) -> None:
        """User and address in one transaction. Does nothing where this very user is there. Raises EmailTaken."""

    def get(self, user_id: str) -> User | None:
        """One consistent read."""

    def by_email(self, email: str) -> User | None:
        """email: as `normal_email` gives it."""

    def replace_password_hash(self, user: User, password_hash: str) -> None:
        """user: as it was read. Does nothing where anything of it has changed since."""

    def start_session(self, session: Session) -> None: ...

    def session(self, user_id: str, session_id: str) -> Session | None:
        """One consistent read; also an expired one, until it is swept."""


class TokenSigner(Protocol):
    key_id: str
    """The ``kid`` of the tokens."""

    def sign(self, message: bytes) -> bytes:
        """ES256 (RFC 7518): 64 bytes, r and s."""


class TokenKeys(Protocol):
    def public_keys(self) -> Mapping[str, Any]:
        """Public keys by ``kid``, as `cryptography` has them."""


class AccountRows(Protocol):
    """All rows of one user. Methods that give an iterator do their work as it is taken, a batch for each item, and can be begun again."""

    def mark(self, user_id: str, now: datetime, due: datetime) -> Mark | None:
        """From here on nobody is let in as this user, and `due` names the account from the moment ``due`` on. The first mark's moment stays.
        None where there is no such user."""

    def due(self, now: datetime) -> Iterator[str]:
        """Ids of marked users whose moment has come."""

    def stop(self, user_id: str) -> Iterator[Removed]:
        """End open jobs and switch endpoints off, telling nobody: whoever still works on one can write no more of it."""

    def remove(self, user_id: str, email: str | None) -> Iterator[Removed]:
        """All rows but the profile and the address, a row after those that are found by it. email: None where the address is not theirs any more."""

    def pause(self, mark: Mark, removed: Removed, due: datetime) -> None:
        """Keep what was removed so far, for the count, and come again."""

    def finish(self, mark: Mark, removed: Removed, at: datetime) -> None:
        """Profile and address go, a trace without the person stays for a day: one transaction. Safe to repeat."""

    def finished(self, user_id: str) -> tuple[Removed, datetime] | None:
        """What `finish` left within the last day."""


class AccountObjects(Protocol):
    def remove(self, user_id: str) -> Iterator[Removed]:
        """All versions and delete markers of all objects of the user, and uploads in parts that were not completed; a page for each item."""


class SecondLooks(Protocol):
    """Names of accounts that are to be looked at once more, outside the table: there is nothing left to find them by in it."""

    def send(self, user_id: str) -> None:
        """To be received in a quarter of an hour."""

    def receive(self) -> Iterator[SecondLook]: ...

    def forget(self, look: SecondLook) -> None:
        """It is done. One that is not forgotten comes again."""


__all__ = [
    "AccountObjects",
    "AccountRows",
    "EmailTaken",
    "SecondLooks",
    "Standing",
    "TokenKeys",
    "TokenSigner",
    "UserStore",
]

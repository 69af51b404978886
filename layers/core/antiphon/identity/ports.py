"""What the identity use cases need from outside."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Literal, Protocol

from antiphon.identity.model import ApiKey, Mark, Removed, SecondLook, Session, User
from antiphon.platform.audit import Entry
from antiphon.platform.events import Event
from antiphon.platform.pages import Page

Standing = Literal["here", "erased", "unknown"]
"""Of an account: ``here``, also a suspended one; ``erased``: it is on its way out, or went within the last day."""


class EmailTaken(Exception):
    """Another user has this address. Becomes a Conflict where that may be said."""


class Changed(Exception):
    """The user is no longer as it was read, or no longer there: read again."""


class UserStore(Protocol):
    def create(self, user: User) -> None:
        """User and address in one transaction. Does nothing where this very user is there. Raises EmailTaken."""

    def get(self, user_id: str) -> User | None:
        """One consistent read."""

    def by_email(self, email: str) -> User | None:
        """email: as `normal_email` gives it. Takes as long for an unknown one."""

    def replace_password_hash(self, user: User, password_hash: str) -> None:
        """The same password kept in another way. Does nothing where it has changed since."""

    def change_password(self, user: User, password_hash: str, session: Session | None, event: Event) -> None:
        """All sessions but this one end with it, and the event is written, in one transaction. Raises Changed."""

    def begin_reset(self, user_id: str, reset_hash: str, expires_at: datetime) -> bool:
        """The link that is good from now on; an older one ends. Gives whether there is such an active user."""

    def reset_password(self, user_id: str, reset_hash: str, password_hash: str, now: datetime, event: Event) -> bool:
        """Sets the password, ends the link and all sessions and writes the event, in one transaction; False where the link is not good (any more)."""

    def change_profile(self, user: User, *, display_name: str | None, preferences: Mapping[str, Any]) -> None:
        """user: as it was read. Raises Changed."""


class ManagedUsers(Protocol):
    """As administrators see them."""

    def get(self, user_id: str) -> User | None: ...

    def by_email(self, email: str) -> User | None: ...

    def page(self, limit: int, position: str | None = None) -> Page[User]:
        """All but those who are being erased, newest first; as the index has them, which follows within a second or so."""

    def administer(self, before: User, after: User, entry: Entry) -> None:
        """Tier, role, status and session epoch, with the entry, in one transaction. before: as it was read. Raises Changed."""


class SessionStore(Protocol):
    def start_session(self, session: Session) -> None:
        """Raises Changed where the user may not come in any more, or all sessions were ended since."""

    def session(self, user_id: str, session_id: str) -> Session | None:
        """One consistent read; also an expired one, until it is swept."""

    def sessions(self, user_id: str, limit: int, position: str | None = None) -> Page[Session]:
        """Newest first."""

    def rotate(self, before: Session, after: Session) -> bool:
        """The next refresh token, if the session still has that of ``before``: of many at the same time one wins."""

    def end_session(self, session: Session, event: Event | None = None, entry: Entry | None = None) -> bool:
        """Gives whether it was there; event and entry are written with its end, or not at all. Safe to repeat."""

    def end_sessions(self, user_id: str) -> None:
        """All of them, at once."""


class KeyStore(Protocol):
    def create(self, key: ApiKey) -> None:
        """Raises Changed where the user may not come in any more."""

    def replace(self, before: ApiKey, after: ApiKey) -> None:
        """Another key for the same record; the earlier one ends. Raises Changed."""

    def get(self, user_id: str, key_id: str) -> ApiKey | None: ...

    def by_hash(self, key_hash: str) -> ApiKey | None:
        """One consistent read."""

    def page(self, user_id: str, limit: int, position: str | None = None) -> Page[ApiKey]:
        """Newest first, with the time of the last use."""

    def touch(self, key: ApiKey, at: datetime) -> None:
        """Notes the last use, in one write. Does nothing where the key has ended."""

    def delete(self, key: ApiKey) -> None:
        """Safe to repeat."""


class FederatedStore(Protocol):
    """Accounts of other services, by issuer and subject."""

    def by_federated(self, issuer: str, subject: str) -> User | None: ...

    def create_linked(self, user: User, issuer: str, subject: str) -> None:
        """User, address and link in one transaction. Raises EmailTaken, Changed (the link is there)."""

    def link(self, user: User, issuer: str, subject: str, event: Event | None = None) -> None:
        """Does nothing where it is linked to this user. event: where the address was not proven before: password and sessions end with the link, the
        address counts as proven from here on, and the event is written, in one transaction. Raises Changed where it is another's, or the user may not come
        in or is not as it was read."""

    def unlink(self, user_id: str) -> None:
        """No account of another service leads to this user any more. Safe to repeat."""


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
    "Changed",
    "EmailTaken",
    "FederatedStore",
    "KeyStore",
    "ManagedUsers",
    "SecondLooks",
    "SessionStore",
    "Standing",
    "TokenKeys",
    "TokenSigner",
    "UserStore",
]

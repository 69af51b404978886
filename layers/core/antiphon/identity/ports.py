"""What the identity use cases need from outside."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from antiphon.identity.model import Session, User


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


__all__ = ["EmailTaken", "TokenKeys", "TokenSigner", "UserStore"]

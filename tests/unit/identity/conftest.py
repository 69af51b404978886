"""A front desk whose table is a fake and whose access tokens can be read."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from argon2 import PasswordHasher

from antiphon.identity.attempts import Attempts
from antiphon.identity.attempts_memory import MemoryAttempts
from antiphon.identity.memory import MemoryKeys, MemoryUsers
from antiphon.identity.model import Session, User
from antiphon.identity.passwords import Passwords
from antiphon.identity.refresh import Refresh
from antiphon.identity.sign_in import Desk, Device, SignedIn, SignIn
from antiphon.platform.audit_memory import MemoryAuditLog
from antiphon.platform.clock import Clock
from tests.unit.conftest import HeldClock

GOOD = "correct horse battery"
HERE = Device("phone", "192.0.2.7", "req_1")


class Tokens:
    """An issuer: user and session, as they are."""

    def access_token(self, user: User, session_id: str) -> str:
        return f"{user.id}/{session_id}"


class Quick(Passwords):
    """The least that Argon2id can do; test_passwords.py holds what it does for real."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


@dataclass
class House:
    clock: Clock
    hasher: Passwords = field(default_factory=Quick)
    users: MemoryUsers = field(default_factory=MemoryUsers)
    audit: MemoryAuditLog = field(default_factory=MemoryAuditLog)

    def __post_init__(self) -> None:
        self.keys = MemoryKeys(self.users)
        issuer = Tokens()
        self.desk = Desk(sessions=self.users, issuer=issuer, clock=self.clock)  # type: ignore[arg-type]
        self.attempts = Attempts(MemoryAttempts(), self.clock, network_free=40)
        self.sign_in = SignIn(
            users=self.users,
            hasher=self.hasher,
            desk=self.desk,
            audit=self.audit,
            attempts=self.attempts,
            clock=self.clock,
            min_length=12,
        )
        self.refresh = Refresh(users=self.users, sessions=self.users, issuer=issuer, clock=self.clock)  # type: ignore[arg-type]

    def register(
        self, email: str = "anna@example.com", password: str = GOOD, seed: str | None = None, device: Device = HERE
    ) -> SignedIn:
        return self.sign_in.register(email=email, password=password, display_name="Anna", device=device, seed=seed)

    def login(self, email: str = "anna@example.com", password: str = GOOD, device: Device = HERE) -> SignedIn:
        return self.sign_in.login(email=email, password=password, device=device)

    def session(self, found: SignedIn) -> Session | None:
        user_id, session_id = found.access_token.split("/")
        return self.users.session(user_id, session_id)


@pytest.fixture
def house(clock: HeldClock) -> House:
    return House(clock)

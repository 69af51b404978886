"""A front desk whose table is a fake and whose access tokens can be read."""

from __future__ import annotations

import base64
import socket
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from argon2 import PasswordHasher
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

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


@pytest.fixture
def outbound(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was asked of the network, by whatever library: no name is resolved and no socket opened without a line here."""
    asked: list[str] = []

    def note(*what: Any, **_: Any) -> None:
        asked.append(str(what))
        raise OSError("there is no network")

    for name in ("socket", "create_connection", "getaddrinfo", "gethostbyname"):
        monkeypatch.setattr(socket, name, note)
    return asked


def certificate_of(key: Any) -> str:
    """One that the key has signed for itself, as the header `x5c` has it: DER in base64."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "stranger")])
    begins = datetime(2026, 1, 1, tzinfo=UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(begins)
        .not_valid_after(begins + timedelta(days=3650))
        .sign(key, hashes.SHA256())
    )
    return base64.b64encode(made.public_bytes(serialization.Encoding.DER)).decode()

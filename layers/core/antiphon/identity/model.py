"""Who uses the service: users, their signed-in devices and their API keys."""

from __future__ import annotations

import hashlib
import hmac
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from antiphon.identity.tiers import DEFAULT
from antiphon.platform.errors import Field, Invalid

ACCESS_FOR = timedelta(minutes=15)
REFRESH_FOR = timedelta(days=30)
"""From the login on, however often the token is exchanged; a device that is not used for so long is signed out with it."""
REPLAY_FOR = timedelta(seconds=60)
"""How long a refresh whose answer was lost may be repeated with its Idempotency-Key."""
MAX_EMAIL = 254
_BAD_EMAIL = "Send an address such as anna@example.com."


class UserStatus(StrEnum):
    ACTIVE = "active"
    SUSPENDED = "suspended"
    ERASING = "erasing"
    """On the way out: there is no way back."""


def account_key(user_id: str) -> str:
    """By what an erased account is known: ids are random, so nobody finds the id to it."""
    return hashlib.sha256(user_id.encode()).hexdigest()


@dataclass(frozen=True)
class User:
    """``password_hash``: Argon2id in PHC form, empty where another service vouches for the user; ``preferences``: theme, language, notifications,
    defaults for transcription and speech; ``email_verified``: a mail to the address was answered, or another service vouched for it; ``session_epoch``: sessions made
    under another number have ended; ``reset_hash``: SHA-256 of the token in the link for a new password, hex."""

    id: str
    email: str
    password_hash: str
    created_at: datetime
    display_name: str | None = None
    tier: str = DEFAULT
    role: str = "user"
    status: UserStatus = UserStatus.ACTIVE
    preferences: Mapping[str, Any] = field(default_factory=dict)
    session_epoch: int = 0
    email_verified: bool = False
    reset_hash: str | None = None
    reset_expires_at: datetime | None = None

    @property
    def active(self) -> bool:
        return self.status is UserStatus.ACTIVE

    def may_reset(self, reset_hash: str, now: datetime) -> bool:
        """Whether the link that was mailed last has this hash and is still good."""
        known, until = self.reset_hash, self.reset_expires_at
        return known is not None and until is not None and until > now and hmac.compare_digest(known, reset_hash)


@dataclass(frozen=True)
class Replay:
    """The answer to the last refresh, for the client that lost it. ``token_hash``: of the refresh token that was exchanged;
    ``key_hash``: of the Idempotency-Key; ``sealed``: the new tokens, readable only to who holds the old one."""

    token_hash: str
    key_hash: str
    sealed: str
    until: datetime


@dataclass(frozen=True)
class Session:
    """One signed-in device. ``family_hash``, ``refresh_hash``: SHA-256 of the two secrets of the refresh token, hex: the first stays, the
    second is new with each exchange; ``device``: the client's own name of itself; ``address``: as the gateway saw it at the last use."""

    id: str
    user_id: str
    family_hash: str
    refresh_hash: str
    created_at: datetime
    expires_at: datetime
    used_at: datetime
    device: str | None = None
    address: str | None = None
    epoch: int = 0
    replay: Replay | None = None

    def good_for(self, user: User | None, now: datetime) -> bool:
        """Neither expired nor ended with all others, and the user may still come in."""
        return self.expires_at > now and user is not None and user.active and self.epoch == user.session_epoch


@dataclass(frozen=True)
class ApiKey:
    """``prefix``: its first characters, to tell keys apart; ``hash``: SHA-256 of the whole key, hex; ``expires_at``: None for never;
    ``budget``: millionths of a dollar that its jobs may cost in a month, None for no limit."""

    id: str
    user_id: str
    name: str
    prefix: str
    hash: str
    scopes: tuple[str, ...]
    created_at: datetime
    expires_at: datetime | None = None
    used_at: datetime | None = None
    budget: int | None = None


def normal_email(text: str) -> str:
    """The address by which a user is known: trimmed, NFC, lower case, the domain in its ASCII form. Raises Invalid."""
    text = unicodedata.normalize("NFC", text.strip())
    local, at, domain = text.rpartition("@")
    if not (at and local and domain) or len(text) > MAX_EMAIL or any(unicodedata.category(c)[0] in "CZ" for c in text):
        raise Invalid("The e-mail address is not valid.", fields=(Field("email", _BAD_EMAIL),))
    try:
        domain = domain.lower().encode("idna").decode("ascii")
    except UnicodeError as error:
        raise Invalid("The e-mail address is not valid.", fields=(Field("email", _BAD_EMAIL),)) from error
    if "." not in domain or domain.startswith(".") or ".." in domain or len(local) > 64:
        raise Invalid("The e-mail address is not valid.", fields=(Field("email", _BAD_EMAIL),))
    return f"{local.lower()}@{domain}"


def federated_key(issuer: str, subject: str) -> str:
    """By what an account of another service is found."""
    return hashlib.sha256(f"{issuer}\x1f{subject}".encode()).hexdigest()


def email_key(email: str) -> str:
    """By what a normal address is found, so that no key of the table holds an address."""
    return hashlib.sha256(email.encode()).hexdigest()


@dataclass(frozen=True)
class Removed:
    """``versions``: of objects, delete markers included."""

    rows: int = 0
    objects: int = 0
    versions: int = 0

    def __add__(self, other: Removed) -> Removed:
        return Removed(self.rows + other.rows, self.objects + other.objects, self.versions + other.versions)


@dataclass(frozen=True)
class Mark:
    """An account that is being erased. ``at``: since when; ``removed``: by those who stopped before the end."""

    user_id: str
    email: str
    at: datetime
    removed: Removed = Removed()


@dataclass(frozen=True)
class SecondLook:
    """``receipt``: by which the message is forgotten."""

    user_id: str
    receipt: str

"""Who uses the service: users and their signed-in devices."""

from __future__ import annotations

import hashlib
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
    """``password_hash``: Argon2id in PHC form; ``preferences``: theme, language, defaults for transcription and speech."""

    id: str
    email: str
    password_hash: str
    created_at: datetime
    display_name: str | None = None
    tier: str = DEFAULT
    role: str = "user"
    status: UserStatus = UserStatus.ACTIVE
    preferences: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Session:
    """One signed-in device. ``refresh_hash``: SHA-256 of the refresh token, hex; ``device``: the client's own name of itself."""

    id: str
    user_id: str
    refresh_hash: str
    created_at: datetime
    expires_at: datetime
    device: str | None = None


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

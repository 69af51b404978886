"""Refresh tokens: opaque to their holder, ``rt_`` and 80 bytes in base64url.

========  ==================================================
16 bytes  the user's id, 16 bytes the session's: where to look
16 bytes  the family's secret, the same for all tokens of a session
32 bytes  the token's own secret, good once
========  ==================================================

A token with the family's secret but another own one was good before: somebody uses it for the second time. Without the family's secret it is
a guess, and ends nothing: ids are no secrets, and nobody shall sign others out with them.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import secrets
from dataclasses import dataclass, replace

from ulid import ULID

from antiphon.identity.model import Session

_PREFIX = "rt_"
_LENGTH = 80


@dataclass(frozen=True)
class RefreshToken:
    user_id: str
    session_id: str
    family: bytes
    secret: bytes

    def __str__(self) -> str:
        ids = b"".join(ULID.from_str(i.partition("_")[2]).bytes for i in (self.user_id, self.session_id))
        return _PREFIX + base64.urlsafe_b64encode(ids + self.family + self.secret).decode().rstrip("=")

    @property
    def family_hash(self) -> str:
        return hashlib.sha256(self.family).hexdigest()

    @property
    def hash(self) -> str:
        return hashlib.sha256(self.secret).hexdigest()

    def of_family(self, session: Session) -> bool:
        return hmac.compare_digest(self.family_hash, session.family_hash)

    def is_current(self, session: Session) -> bool:
        return hmac.compare_digest(self.hash, session.refresh_hash)

    def next(self) -> RefreshToken:
        return replace(self, secret=secrets.token_bytes(32))


def new(user_id: str, session_id: str) -> RefreshToken:
    return RefreshToken(user_id, session_id, secrets.token_bytes(16), secrets.token_bytes(32))


def parse(text: str) -> RefreshToken | None:
    """None for anything that is no refresh token of ours by its form."""
    try:
        raw = base64.b64decode(text.removeprefix(_PREFIX).encode("ascii") + b"=", altchars=b"-_", validate=True)
    except (UnicodeError, binascii.Error):
        return None
    if not text.startswith(_PREFIX) or len(raw) != _LENGTH:
        return None
    user, session = (str(ULID.from_bytes(raw[at : at + 16])) for at in (0, 16))
    return RefreshToken(f"usr_{user}", f"ses_{session}", raw[32:48], raw[48:])


def key_hash(idempotency_key: str) -> str:
    return hashlib.sha256(idempotency_key.encode("utf-8", "surrogatepass")).hexdigest()


def seal(answer: dict[str, str], old: RefreshToken) -> str:
    """answer: the new tokens; old: the one they were given for. The table never holds what opens them."""
    return _cipher(old).encrypt(json.dumps(answer).encode()).decode()


def opened(sealed: str, old: RefreshToken) -> dict[str, str]:
    found: dict[str, str] = json.loads(_cipher(old).decrypt(sealed.encode()))
    return found


def _cipher(token: RefreshToken):  # type: ignore[no-untyped-def] # imported late: only a repeated refresh needs it
    from cryptography.fernet import Fernet
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    derived = HKDF(SHA256(), 32, salt=token.family, info=b"antiphon refresh").derive(token.secret)
    return Fernet(base64.urlsafe_b64encode(derived))

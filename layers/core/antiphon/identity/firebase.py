"""Firebase ID tokens, checked against the keys that Google publishes.

By PyJWT and not by firebase-admin, which takes unsigned tokens where ``FIREBASE_AUTH_EMULATOR_HOST`` is set; nothing here looks at that variable.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from antiphon.platform.clock import Clock
from antiphon.platform.errors import Unauthorized, Unavailable

ISSUER = "https://securetoken.google.com/"
LEEWAY = timedelta(seconds=60)
MAX_TOKEN = 8_192
MAX_SUBJECT = 128
REFETCH_AFTER = timedelta(minutes=1)
"""An unknown key is asked for at most so often, however many tokens name one."""
STALE_FOR = timedelta(hours=24)
"""While Google does not answer, its last keys are good for so long."""
_MAX_AGE = re.compile(r"max-age=(\d{1,7})")
_REQUIRED = ["exp", "iat", "aud", "iss", "sub", "auth_time"]


@dataclass(frozen=True)
class Vouched:
    """Whom another service vouches for. An address that is not ``email_verified`` may be anybody's."""

    issuer: str
    subject: str
    email: str | None
    email_verified: bool
    name: str | None


@dataclass(frozen=True)
class Fetched:
    """cache_control: the header of the answer."""

    body: bytes
    cache_control: str


Fetch = Callable[[], Fetched]
"""Raises OSError."""


class Keys(Protocol):
    def get(self, key_id: str) -> Any:
        """The public key, or None. Raises Unavailable where no keys can be had at all."""


class PublishedKeys:
    """A JWK set behind an address, kept as long as its answer says."""

    def __init__(self, fetch: Fetch, clock: Clock) -> None:
        self._fetch = fetch
        self._clock = clock
        self._keys: Mapping[str, Any] = {}
        self._good_until: datetime | None = None
        self._fetched_at: datetime | None = None
        self._tried_at: datetime | None = None
        self._lock = threading.Lock()

    def get(self, key_id: str) -> Any:
        with self._lock:
            now = self._clock()
            expired = self._good_until is None or now >= self._good_until
            if (expired or key_id not in self._keys) and self._may_try(now):
                self._refresh(now)
            if self._fetched_at is None or now - self._fetched_at > STALE_FOR:
                raise Unavailable("The keys of Firebase cannot be fetched at the moment; repeat.", retry_after=30)
            return self._keys.get(key_id)

    def _may_try(self, now: datetime) -> bool:
        return self._tried_at is None or now - self._tried_at >= REFETCH_AFTER

    def _refresh(self, now: datetime) -> None:
        import jwt

        self._tried_at = now
        try:
            found = self._fetch()
            keys = {k["kid"]: jwt.PyJWK(k).key for k in json.loads(found.body)["keys"] if k.get("kty") == "RSA"}
        except (OSError, ValueError, KeyError, TypeError, jwt.PyJWTError):
            return  # the last good set stays; `get` says when it has become too old
        age = _MAX_AGE.search(found.cache_control)
        self._keys, self._fetched_at = keys, now
        # Asked for again before they count as too old, whatever the answer says.
        self._good_until = now + min(timedelta(seconds=int(age[1]) if age else 0), STALE_FOR / 2)


class FirebaseVerifier:
    """project: its id; empty where Firebase is not set up."""

    def __init__(self, project: str, keys: Keys, clock: Clock) -> None:
        self.project = project
        self._keys = keys
        self._clock = clock

    def verify(self, token: str) -> Vouched:
        """Raises Unauthorized ``invalid_id_token``, never saying which part was wrong; Unavailable."""
        import jwt

        if len(token) > MAX_TOKEN:
            raise _refused()
        try:
            header = jwt.get_unverified_header(token)
            key_id = header.get("kid")
            if header.get("alg") != "RS256" or not isinstance(key_id, str) or not key_id:
                raise _refused()
            key = self._keys.get(key_id)
            if key is None:
                raise _refused()
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=["RS256"],
                audience=self.project,
                issuer=ISSUER + self.project,
                options={"require": _REQUIRED, "verify_exp": False, "verify_iat": False, "verify_nbf": False},
            )
        except jwt.PyJWTError as error:
            raise _refused() from error
        self._check(claims)
        email = claims.get("email")
        return Vouched(
            issuer=claims["iss"],
            subject=claims["sub"],
            email=email if isinstance(email, str) else None,
            email_verified=claims.get("email_verified") is True,
            name=claims["name"][:100] if isinstance(claims.get("name"), str) and claims["name"] else None,
        )

    def _check(self, claims: Mapping[str, Any]) -> None:
        """The times by our own clock, and what PyJWT does not look at."""
        now, subject = self._clock().timestamp(), claims["sub"]
        past = (claims["iat"], claims["auth_time"])
        numbers = all(isinstance(t, int | float) and not isinstance(t, bool) for t in (*past, claims["exp"]))
        leeway = LEEWAY.total_seconds()
        if not numbers or max(past) > now + leeway or claims["exp"] <= now - leeway:
            raise _refused()
        if not isinstance(subject, str) or not 1 <= len(subject) <= MAX_SUBJECT:
            raise _refused()


def _refused() -> Unauthorized:
    return Unauthorized("The ID token is not good; sign in with Firebase again.", code="invalid_id_token")

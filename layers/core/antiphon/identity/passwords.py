"""Passwords: what is accepted (NIST SP 800-63B) and how it is kept (Argon2id, OWASP's parameters).

``common_passwords.txt``: the first 4,000 of eight or more characters in the list of zxcvbn 4.5.0 (MIT licence, see NOTICE).
"""

from __future__ import annotations

import hashlib
import unicodedata
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

from antiphon.platform.errors import Field, Invalid

if TYPE_CHECKING:
    from argon2 import PasswordHasher

MAX_BYTES = 1024
"""Longer ones are refused before anything is computed: hashing must not be a way to keep us busy."""
_NOBODY = "$argon2id$v=19$m=19456,t=2,p=1$ClwXRxwh0MppHMxHe6ScBw$rZ4WQqFfj3t7wljPNNWHKCqYZHxHHFWmcHeoJkOc6s8"
"""Checked where there is no such user. Ready-made: hashing one first would make the first unknown address twice as slow."""


def _normal(password: str) -> str:
    return unicodedata.normalize("NFKC", password)


def _folded(text: str) -> str:
    return _normal(text).casefold()


@cache
def _common() -> frozenset[str]:
    return frozenset(
        resources.files("antiphon.identity").joinpath("common_passwords.txt").read_text("utf-8").split("\n")
    )


def _own(email: str) -> tuple[str, ...]:
    return "antiphon", _folded(email), _folded(email.partition("@")[0])


def check(password: str, *, email: str, min_length: int, field: str = "password") -> None:
    """Raises Invalid with what to change. Length counts code points; nothing is said about kinds of characters."""
    wrong = None
    if len(password.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        wrong = f"Use at most {MAX_BYTES} bytes."
    elif not password.isascii() and any(unicodedata.category(c) == "Cs" for c in password):
        wrong = "It holds characters that cannot be written as UTF-8."
    elif len(_normal(password)) < min_length:
        wrong = f"Use at least {min_length} characters; a few words in a row are fine."
    elif (tried := _folded(password)) in _common() or tried in _own(email):
        wrong = "This one is among the first that anybody would try; choose another."
    if wrong:
        raise Invalid("The password cannot be used.", code="weak_password", fields=(Field(field, wrong),))


class Passwords:
    """Argon2id with 19 MiB, two passes, one lane (OWASP's first choice)."""

    def __init__(self) -> None:
        self._hasher = _hasher()

    def hash(self, password: str) -> str:
        return self._hasher.hash(_normal(password))

    def verify(self, password: str, known: str | None) -> bool:
        """known: None where there is no such user; it costs the same time."""
        from argon2.exceptions import VerificationError

        fits = len(password.encode("utf-8", "surrogatepass")) <= MAX_BYTES
        tried = _normal(password).encode("utf-8", "surrogatepass") if fits else b""
        try:
            return self._hasher.verify(known or _NOBODY, tried) and known is not None and fits
        except VerificationError:
            return False

    def is_outdated(self, known: str) -> bool:
        """Made with other parameters than today's: to be made anew while the password is at hand."""
        return self._hasher.check_needs_rehash(known)

    def fingerprint(self, body: bytes, salt: bytes) -> bytes:
        """32 bytes, the same for the same two, for a request that holds a password.

        As slow to guess as the kept password: a plain hash of the body beside it would make all the work above worth nothing.
        """
        from argon2.low_level import Type, hash_secret_raw

        fixed = hashlib.sha256(salt).digest()[:16]
        known = self._hasher
        return hash_secret_raw(body, fixed, known.time_cost, known.memory_cost, known.parallelism, 32, Type.ID)


@cache
def _hasher() -> PasswordHasher:
    from argon2 import PasswordHasher, Type

    return PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1, type=Type.ID)

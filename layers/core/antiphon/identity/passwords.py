"""Passwords: what is accepted (NIST SP 800-63B) and how it is kept (Argon2id, OWASP's parameters).

``common_passwords.txt``: the first 4,000 of eight or more characters in the list of zxcvbn 4.5.0 (MIT licence, see NOTICE).
"""

from __future__ import annotations

import unicodedata
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

from antiphon.platform.errors import Field, Invalid

if TYPE_CHECKING:
    from argon2 import PasswordHasher

MAX_BYTES = 1024
"""Longer ones are refused before anything is computed: hashing must not be a way to keep us busy."""
_DUMMY = "a password that nobody has"


def _normal(password: str) -> str:
    return unicodedata.normalize("NFKC", password)


@cache
def _common() -> frozenset[str]:
    return frozenset(
        resources.files("antiphon.identity").joinpath("common_passwords.txt").read_text("utf-8").split("\n")
    )


def check(password: str, *, email: str, min_length: int, field: str = "password") -> None:
    """Raises Invalid with what to change. Length counts code points; nothing is said about kinds of characters."""
    wrong = None
    if len(password.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        wrong = f"Use at most {MAX_BYTES} bytes."
    elif not password.isascii() and any(unicodedata.category(c) == "Cs" for c in password):
        wrong = "It holds characters that cannot be written as UTF-8."
    elif len(_normal(password)) < min_length:
        wrong = f"Use at least {min_length} characters; a few words in a row are fine."
    elif _normal(password).casefold() in _common() | {"antiphon", email, email.partition("@")[0]}:
        wrong = "This one is among the first that anybody would try; choose another."
    if wrong:
        raise Invalid("The password cannot be used.", code="weak_password", fields=(Field(field, wrong),))


class Passwords:
    """Argon2id with 19 MiB, two passes, one lane (OWASP's first choice)."""

    def __init__(self) -> None:
        self._hasher = _hasher()
        self._dummy = ""

    def hash(self, password: str) -> str:
        return self._hasher.hash(_normal(password))

    def verify(self, password: str, known: str | None) -> bool:
        """known: None where there is no such user; it costs the same time."""
        from argon2.exceptions import VerificationError

        if known is None and not self._dummy:
            self._dummy = self.hash(_DUMMY)
        if len(password.encode("utf-8", "surrogatepass")) > MAX_BYTES:
            password = ""
        try:
            return (
                self._hasher.verify(known or self._dummy, _normal(password).encode("utf-8", "surrogatepass"))
                and known is not None
            )
        except VerificationError:
            return False


@cache
def _hasher() -> PasswordHasher:
    from argon2 import PasswordHasher, Type

    return PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1, type=Type.ID)

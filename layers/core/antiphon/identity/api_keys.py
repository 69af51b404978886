"""API keys: made, shown once, listed, revoked.

``ap_live_``, 27 characters of base 62 (160 bits) and 6 more that check them (CRC-32): a scanner knows a leaked key by its form, and one with a
typing error costs no read of the table.
"""

from __future__ import annotations

import hashlib
import secrets
import string
import zlib
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from antiphon.identity.model import ApiKey
from antiphon.identity.ports import KeyStore
from antiphon.platform.clock import Clock
from antiphon.platform.errors import Conflict, Field, Invalid, NotFound
from antiphon.platform.ids import new_id
from antiphon.platform.pages import Page

PREFIX = "ap_live_"
MAX_KEYS = 100
TOUCH_AFTER = timedelta(minutes=5)
"""The last use is written at most so often, not with each call."""
_ALPHABET = string.digits + string.ascii_letters
_RANDOM, _CHECK, _SHOWN = 27, 6, 4


def _checksum(random: str) -> str:
    rest, digits = zlib.crc32(random.encode()), ""
    for _ in range(_CHECK):
        rest, digit = divmod(rest, len(_ALPHABET))
        digits = _ALPHABET[digit] + digits
    return digits


def new_key() -> str:
    random = "".join(secrets.choice(_ALPHABET) for _ in range(_RANDOM))
    return f"{PREFIX}{random}{_checksum(random)}"


def has_form(key: str) -> bool:
    """Whether it can be a key at all, its check characters included."""
    body = key.removeprefix(PREFIX)
    if not key.startswith(PREFIX) or len(body) != _RANDOM + _CHECK or not body.isascii() or not body.isalnum():
        return False
    return _checksum(body[:_RANDOM]) == body[_RANDOM:]


def key_hash(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


@dataclass(frozen=True)
class Made:
    """``key``: the key itself, for its owner's eyes, this once."""

    record: ApiKey
    key: str


class ApiKeys:
    """scopes: all there are; unpriced: those of them that may cost something which no budget counts."""

    def __init__(
        self, *, keys: KeyStore, clock: Clock, scopes: Collection[str], unpriced: Collection[str] = frozenset()
    ) -> None:
        self._keys = keys
        self._clock = clock
        self._scopes = scopes
        self._unpriced = unpriced

    def create(
        self,
        user_id: str,
        *,
        name: str,
        scopes: Collection[str],
        expires_at: datetime | None,
        budget: int | None = None,
        seed: str | None = None,
    ) -> Made:
        """seed: of a repeated request; it gives the same record a new key, and the lost one ends. budget: millionths of a dollar a month. Raises
        Invalid, Conflict ``too_many_keys``."""
        now = self._clock()
        unknown = sorted(set(scopes) - set(self._scopes))
        if unknown or not scopes:
            raise Invalid(
                f"There is no scope {unknown[0]}." if unknown else "A key needs at least one scope.",
                fields=(Field("scopes", "Choose of: " + ", ".join(sorted(self._scopes)) + "."),),
            )
        if budget is not None and (beyond := sorted(set(scopes) & set(self._unpriced))):
            raise Invalid(
                "A budget holds for jobs of transcription and speech; a key that has one may do nothing else that costs.",
                fields=(Field("scopes", f"Leave out {', '.join(beyond)}, or the budget."),),
            )
        if expires_at is not None and expires_at <= now:
            raise Invalid("The key would have expired already.", fields=(Field("expires_at", "Send a time to come."),))
        key_id = f"key_{seed}" if seed else new_id("key")
        known = self._keys.get(user_id, key_id) if seed else None
        if known is None and len(self._keys.page(user_id, MAX_KEYS).items) >= MAX_KEYS:
            raise Conflict(f"An account may have {MAX_KEYS} keys; revoke one first.", code="too_many_keys")
        key = new_key()
        record = ApiKey(
            key_id,
            user_id,
            name,
            key[: len(PREFIX) + _SHOWN],
            key_hash(key),
            tuple(sorted(set(scopes))),
            now,
            expires_at,
            budget=budget,
        )
        if known is None:
            self._keys.create(record)
        else:
            record = replace(record, created_at=known.created_at)
            self._keys.replace(known, record)
        return Made(record, key)

    def page(self, user_id: str, limit: int, position: str | None = None) -> Page[ApiKey]:
        return self._keys.page(user_id, limit, position)

    def revoke(self, user_id: str, key_id: str) -> None:
        """Raises NotFound."""
        known = self._keys.get(user_id, key_id)
        if known is None:
            raise NotFound("There is no such key.")
        self._keys.delete(known)


def stale_use(key: ApiKey, now: datetime) -> bool:
    return key.used_at is None or now - key.used_at >= TOUCH_AFTER


__all__ = ["ApiKeys", "Made", "has_form", "key_hash", "new_key", "stale_use"]

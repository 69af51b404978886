"""A repeated POST answers with the first result.

A row per user, method, path and ``Idempotency-Key``: ``working`` while the first request runs, then ``done`` with its answer. The row also holds
a seed from which new ids are made, so that a request that crashed half-way creates the same thing when it is repeated, not a second one.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from ulid import ULID

from antiphon.platform.clock import Clock
from antiphon.platform.errors import Conflict, Field, Invalid

KEEP = timedelta(hours=24)
WORKING = timedelta(seconds=35)
"""Longer than any request may take, so that a crashed one frees its key soon after."""
MAX_KEY = 255


@dataclass(frozen=True)
class Answer:
    status: int
    headers: tuple[tuple[str, str], ...]
    body: str


@dataclass(frozen=True)
class Record:
    """``user``: whose key it is, an id or the hash of an address; ``id``: SHA-256 of method, path and key, hex; ``owner``: random per attempt;
    ``fingerprint``: SHA-256 of the raw body, hex; ``answer``: None while working."""

    user: str
    id: str
    owner: str
    seed: str
    fingerprint: str
    locked_until: datetime
    expires_at: datetime
    answer: Answer | None = None


class IdempotencyStore(Protocol):
    def claim(self, record: Record, now: datetime) -> Record | None:
        """Write the record unless a live one is there; return that one, else None (also when our own write had its answer lost).

        A record is live while it has an answer and has not expired, or while it is locked.
        """

    def get(self, user: str, record_id: str) -> Record | None: ...

    def finish(self, record: Record) -> None:
        """Store the answer, if this owner still holds the record."""

    def release(self, record: Record) -> None:
        """Unlock a request that failed, if this owner still holds the record; the seed stays."""


class Idempotency:
    def __init__(self, store: IdempotencyStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def begin(self, *, user: str, method: str, path: str, key: str, body: bytes) -> Record:
        """A record with an answer is a repeat; one without is ours to work on and to finish or release.

        Raises Invalid for a bad key, Conflict ``idempotency_mismatch`` for another body and ``idempotency_in_progress`` while the first one runs.
        """
        if not 1 <= len(key) <= MAX_KEY or not key.isprintable():
            raise Invalid(
                "The Idempotency-Key is not valid.",
                fields=(Field("Idempotency-Key", f"Send 1 to {MAX_KEY} printable characters."),),
            )
        now = self._clock()
        record_id = hashlib.sha256("\x1f".join((method, path, key)).encode()).hexdigest()
        record = Record(
            user=user,
            id=record_id,
            owner=str(ULID()),
            seed=str(ULID.from_datetime(now)),
            fingerprint=hashlib.sha256(body).hexdigest(),
            locked_until=now + WORKING,
            expires_at=now + KEEP,
        )
        stale = self._store.get(user, record_id)
        if stale and stale.answer is None and stale.expires_at > now and stale.fingerprint == record.fingerprint:
            record = replace(record, seed=stale.seed)
        live = self._store.claim(record, now)
        if live is None:
            return record
        if live.fingerprint != record.fingerprint:
            raise Conflict(
                "This Idempotency-Key was used with another body; take a new key for a new request.",
                code="idempotency_mismatch",
            )
        if live.answer is None:
            raise Conflict(
                "The first request with this Idempotency-Key is still running; repeat in a moment.",
                code="idempotency_in_progress",
                retry_after=1,
            )
        return live

    def finish(self, record: Record, answer: Answer) -> None:
        self._store.finish(replace(record, answer=answer))

    def release(self, record: Record) -> None:
        self._store.release(record)

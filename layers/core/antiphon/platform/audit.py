"""Who did what, when, to what, and how it ended: append-only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from antiphon.platform.clock import rfc3339
from antiphon.platform.ids import derived_id
from antiphon.platform.pages import Page

KEEP = timedelta(days=365)


@dataclass(frozen=True)
class Entry:
    """``actor``: a user, an API key, or the name of the function that acted by itself; ``target``: id or key; ``outcome``: a status or a
    code; ``address``: of the client, as the gateway saw it; ``ms``: how long it took. Never a secret or content."""

    user_id: str
    actor: str
    action: str
    target: str
    outcome: str
    at: datetime
    request_id: str | None = None
    address: str | None = None
    ms: int | None = None

    @property
    def id(self) -> str:
        """The same for the same act, so that a repeated message leaves one entry."""
        return derived_id("req", self.at, self.user_id, self.actor, self.action, self.target, self.request_id or "")


class AuditLog(Protocol):
    def append(self, entry: Entry) -> None:
        """An entry that is there stays as it is."""

    def of(self, user_id: str, limit: int, position: str | None = None) -> Page[Entry]:
        """Newest first."""


def kept(page: Page[Entry], now: datetime) -> Page[Entry]:
    """Without what is older than a year: the table removes late, and what is newest comes first."""
    alive = tuple(entry for entry in page.items if entry.at + KEEP > now)
    return Page(alive, page.position if len(alive) == len(page.items) else None)


def audit_view(entry: Entry) -> dict[str, Any]:
    """As the routes give it."""
    return {
        "id": entry.id,
        "at": rfc3339(entry.at),
        "actor": entry.actor,
        "action": entry.action,
        "target": entry.target,
        "outcome": entry.outcome,
        "address": entry.address,
        "duration_ms": entry.ms,
        "request_id": entry.request_id,
    }

"""Who did what, when, to what, and how it ended: append-only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from antiphon.platform.ids import derived_id

KEEP = timedelta(days=365)


@dataclass(frozen=True)
class Entry:
    """``actor``: a user id, or the name of the function that acted by itself; ``target``: id or key; never a secret or content."""

    user_id: str
    actor: str
    action: str
    target: str
    outcome: str
    at: datetime
    request_id: str | None = None

    @property
    def id(self) -> str:
        """The same for the same act, so that a repeated message leaves one entry."""
        return derived_id("req", self.at, self.user_id, self.actor, self.action, self.target)


class AuditLog(Protocol):
    def append(self, entry: Entry) -> None: ...

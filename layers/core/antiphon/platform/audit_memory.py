"""A fake of the audit log, for tests."""

from __future__ import annotations

from antiphon.platform.audit import Entry
from antiphon.platform.clock import rfc3339
from antiphon.platform.pages import Page


class MemoryAuditLog:
    def __init__(self) -> None:
        self.entries: dict[str, Entry] = {}

    def append(self, entry: Entry) -> None:
        self.entries.setdefault(entry.id, entry)

    def of(self, user_id: str, limit: int, position: str | None = None) -> Page[Entry]:
        found = sorted(
            ((f"{rfc3339(e.at)}#{e.id}", e) for e in self.entries.values() if e.user_id == user_id),
            key=lambda pair: pair[0],
            reverse=True,
        )
        rest = [pair for pair in found if position is None or pair[0] < position]
        return Page(tuple(e for _, e in rest[:limit]), rest[limit - 1][0] if len(rest) > limit else None)

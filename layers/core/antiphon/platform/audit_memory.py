"""A fake of the audit log, for tests."""

from __future__ import annotations

from antiphon.platform.audit import Entry


class MemoryAuditLog:
    def __init__(self) -> None:
        self.entries: dict[str, Entry] = {}

    def append(self, entry: Entry) -> None:
        self.entries[entry.id] = entry

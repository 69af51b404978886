"""The audit log in the table."""

from __future__ import annotations

from pynamodb.attributes import UnicodeAttribute

from antiphon.platform.audit import KEEP, Entry
from antiphon.platform.clock import rfc3339
from antiphon.platform.table import Row, Table


class AuditRow(Row):
    actor = UnicodeAttribute()
    action = UnicodeAttribute()
    target = UnicodeAttribute()
    outcome = UnicodeAttribute()
    at = UnicodeAttribute()
    request_id = UnicodeAttribute(null=True)


class DynamoAuditLog:
    def __init__(self, table: Table) -> None:
        self._rows = table.bind(AuditRow)

    def append(self, entry: Entry) -> None:
        self._rows(
            f"audit#{entry.user_id}",
            f"{rfc3339(entry.at)}#{entry.id}",
            row="audit",
            actor=entry.actor,
            action=entry.action,
            target=entry.target,
            outcome=entry.outcome,
            at=rfc3339(entry.at),
            request_id=entry.request_id,
            ttl=int((entry.at + KEEP).timestamp()),
        ).save()

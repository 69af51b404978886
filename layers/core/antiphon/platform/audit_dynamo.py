"""The audit log in the table."""

from __future__ import annotations

from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.exceptions import PutError

from antiphon.platform.audit import KEEP, Entry
from antiphon.platform.clock import from_rfc3339, rfc3339
from antiphon.platform.pages import Page
from antiphon.platform.table import Row, Table, code_of

_THERE = "ConditionalCheckFailedException"


class AuditRow(Row):
    actor = UnicodeAttribute()
    action = UnicodeAttribute()
    target = UnicodeAttribute()
    outcome = UnicodeAttribute()
    at = UnicodeAttribute()
    request_id = UnicodeAttribute(null=True)
    address = UnicodeAttribute(null=True)
    ms = NumberAttribute(null=True)


class DynamoAuditLog:
    def __init__(self, table: Table) -> None:
        self._rows = table.bind(AuditRow)

    def append(self, entry: Entry) -> None:
        try:
            audit_row(self._rows, entry).save(condition=self._rows.pk.does_not_exist())
        except PutError as error:
            if code_of(error) != _THERE:
                raise

    def of(self, user_id: str, limit: int, position: str | None = None) -> Page[Entry]:
        last = {"pk": {"S": f"audit#{user_id}"}, "sk": {"S": position}} if position else None
        found = list(
            self._rows.query(f"audit#{user_id}", scan_index_forward=False, limit=limit + 1, last_evaluated_key=last)
        )
        return Page(tuple(_entry(row) for row in found[:limit]), found[limit - 1].sk if len(found) > limit else None)


def audit_row(rows: type[AuditRow], entry: Entry) -> AuditRow:
    """The row as it is, for those who write it in a transaction with what it tells of."""
    return rows(
        f"audit#{entry.user_id}",
        f"{rfc3339(entry.at)}#{entry.id}",
        row="audit",
        actor=entry.actor,
        action=entry.action,
        target=entry.target,
        outcome=entry.outcome,
        at=rfc3339(entry.at),
        request_id=entry.request_id,
        address=entry.address,
        ms=entry.ms,
        ttl=int((entry.at + KEEP).timestamp()),
    )


def _entry(row: AuditRow) -> Entry:
    return Entry(
        user_id=row.pk.removeprefix("audit#"),
        actor=row.actor,
        action=row.action,
        target=row.target,
        outcome=row.outcome,
        at=from_rfc3339(row.at),
        request_id=row.request_id,
        address=row.address,
        ms=None if row.ms is None else int(row.ms),
    )

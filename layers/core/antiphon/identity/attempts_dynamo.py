"""Attempts at passwords, in the table. Accounts are hashes of addresses; rows go after two hours without a try."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pynamodb.attributes import NumberAttribute, UnicodeAttribute

from antiphon.identity.attempts import FORGOTTEN_AFTER, Tried
from antiphon.platform.clock import from_rfc3339, rfc3339
from antiphon.platform.table import Row, Table, update_if


class AttemptRow(Row):
    tries = NumberAttribute()
    at = UnicodeAttribute()
    before = UnicodeAttribute(null=True)


class DynamoAttempts:
    def __init__(self, table: Table) -> None:
        self._rows = table.bind(AttemptRow)

    def add(self, subject: str, below: int, now: datetime) -> bool:
        tries = self._rows.tries
        return update_if(
            self._row(subject), [tries.add(1), *self._times(now)], tries.does_not_exist() | (tries < below)
        )

    def get(self, subject: str) -> Tried | None:
        row = self._row(subject)
        try:
            row.refresh(consistent_read=True)
        except self._rows.DoesNotExist:
            return None
        return Tried(int(row.tries), from_rfc3339(row.at))

    def replace(self, subject: str, before: Tried, after: Tried) -> bool:
        rows = self._rows
        same = (rows.tries == before.count) & (rows.at == rfc3339(before.at))
        new = [rows.tries.set(after.count), rows.before.set(rfc3339(before.at)), *self._times(after.at)]
        return update_if(self._row(subject), new, same)

    def take_back(self, subject: str) -> None:
        rows = self._rows
        update_if(
            self._row(subject),
            [rows.tries.add(-1), rows.at.set(rows.before | rows.at), rows.before.remove()],
            rows.tries > 0,
        )

    def clear(self, subject: str) -> None:
        self._row(subject).delete()

    def _times(self, now: datetime) -> list[Any]:
        rows = self._rows
        gone = int((now + 2 * FORGOTTEN_AFTER).timestamp())
        return [rows.at.set(rfc3339(now)), rows.row.set("attempts"), rows.ttl.set(gone)]

    def _row(self, subject: str) -> AttemptRow:
        return self._rows(f"attempts#{subject}", "attempts")

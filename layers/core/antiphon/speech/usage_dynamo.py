"""What a user has used: one row per month, one of what is so at the moment, and one per month for each API key that has a budget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pynamodb.attributes import NumberAttribute, UnicodeSetAttribute
from pynamodb.exceptions import TransactWriteError
from pynamodb.expressions.update import Action
from pynamodb.transactions import TransactWrite

from antiphon.platform.events import Event
from antiphon.platform.outbox import EventRow, event_row
from antiphon.platform.table import Row, Table, conditions_failed
from antiphon.speech.metering import BUDGET, MONTHLY, STANDING, Charge, Usage

NOW = "usage#now"


class UsageRow(Row):
    """``told``: the counters whose end this month the owner has heard of. The event itself is gone after a week."""

    open_jobs = NumberAttribute(null=True)
    storage_bytes = NumberAttribute(null=True)
    audio_ms = NumberAttribute(null=True)
    characters = NumberAttribute(null=True)
    tokens = NumberAttribute(null=True)
    running_transcription = NumberAttribute(null=True)
    running_speech = NumberAttribute(null=True)
    running_document = NumberAttribute(null=True)
    running_edit = NumberAttribute(null=True)
    micro_usd = NumberAttribute(null=True)
    told = UnicodeSetAttribute(null=True)


def month_key(month: str, key_id: str = "") -> str:
    """key_id: of an API key with a budget."""
    return f"usage#{month}#{key_id}" if key_id else f"usage#{month}"


class DynamoUsage:
    def __init__(self, table: Table) -> None:
        self._table = table
        self._rows = table.bind(UsageRow)
        self._events = table.bind(EventRow)

    def of(self, user_id: str, month: str) -> Usage:
        """Two reads."""
        values: dict[str, int] = {}
        for sk, names in ((month_key(month), MONTHLY), (NOW, STANDING)):
            try:
                row = self._rows.get(f"user#{user_id}", sk, consistent_read=True)
            except self._rows.DoesNotExist:
                continue
            values |= {name: int(getattr(row, name) or 0) for name in names}
        return Usage(**values)

    def running(self, user_id: str, workers: str) -> int:
        """What these workers have in hand of the user's."""
        try:
            row = self._rows.get(f"user#{user_id}", NOW, consistent_read=True)
        except self._rows.DoesNotExist:
            return 0
        return int(getattr(row, f"running_{workers}") or 0)

    def add(
        self, transaction: TransactWrite, user_id: str, month: str, delta: Usage, limits: Mapping[str, int]
    ) -> list[tuple[str, ...]]:
        """Updates for the counters that change. limits: the most that each may show afterwards. Gives the limited counters of each update, in order."""
        added: list[tuple[str, ...]] = []
        for sk, names in ((month_key(month), MONTHLY), (NOW, STANDING)):
            changes = {name: getattr(delta, name) for name in names if getattr(delta, name)}
            if not changes:
                continue
            condition: Any = None
            limited = tuple(name for name in changes if name in limits)
            for name in limited:
                counter = getattr(self._rows, name)
                room = limits[name] - changes[name]
                below = counter <= room
                if room >= 0:
                    below = counter.does_not_exist() | below
                condition = below if condition is None else condition & below
            actions = [self._rows.row.set("usage"), *(getattr(self._rows, n).add(v) for n, v in changes.items())]
            transaction.update(self._rows(f"user#{user_id}", sk), actions, condition=condition)
            added.append(limited)
        return added

    def charge(self, transaction: TransactWrite, user_id: str, charge: Charge | None) -> list[tuple[str, ...]]:
        """As `add`, to the budget of a key."""
        if charge is None:
            return []
        rows = self._rows
        condition: Any = None
        if charge.room is not None:
            condition = rows.micro_usd <= charge.room
            if charge.room >= 0:
                condition = rows.micro_usd.does_not_exist() | condition
        actions: list[Action] = [rows.row.set("usage"), rows.micro_usd.add(charge.added)]
        transaction.update(
            rows(f"user#{user_id}", month_key(charge.month, charge.key_id)), actions, condition=condition
        )
        return [(BUDGET,)]

    def spent(self, user_id: str, month: str, key_ids: Sequence[str]) -> dict[str, int]:
        """Millionths of a dollar that the jobs of these keys cost in the month, or are expected to; those of which there is nothing are not in it."""
        wanted = [(f"user#{user_id}", month_key(month, key_id)) for key_id in key_ids]
        return {row.sk.rsplit("#", 1)[1]: int(row.micro_usd or 0) for row in self._rows.batch_get(wanted)}

    def check_full(self, transaction: TransactWrite, user_id: str, name: str, limit: int) -> None:
        """The transaction is only done while this counter of what is so at the moment has reached its limit."""
        full = getattr(self._rows, name) >= limit
        transaction.condition_check(self._rows, f"user#{user_id}", NOW, condition=full)

    def tell(self, event: Event) -> None:
        """event: `quota_reached` or `budget_reached`; written unless the owner heard of this counter, or key, this month before."""
        rows, month = self._rows, event.data["month"]
        counter = event.data.get("key_id") or event.data["counter"]
        told: list[Action] = [rows.row.set("usage"), rows.told.add({counter})]

        def fill(transaction: TransactWrite) -> None:
            transaction.save(event_row(self._events, event))
            news = ~rows.told.contains(counter)
            transaction.update(rows(f"user#{event.user_id}", month_key(month)), told, condition=news)

        try:
            self._table.write(fill)
        except TransactWriteError as error:
            if not any(conditions_failed(error)):
                raise

"""The limiter's counters in the table."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import reduce
from operator import and_

from pynamodb.attributes import NumberAttribute
from pynamodb.expressions.update import Action

from antiphon.platform.limits import CREATIONS, KEYS, TOTAL, WINDOW, window_of
from antiphon.platform.table import Row, Table, update_if

_KEPT = 3 * WINDOW


class LimitRow(Row):
    total = NumberAttribute(null=True)
    creations = NumberAttribute(null=True)
    keys = NumberAttribute(null=True)


class DynamoLimiter:
    def __init__(self, table: Table) -> None:
        self._rows = table.bind(LimitRow)
        self._counters = {TOTAL: LimitRow.total, CREATIONS: LimitRow.creations, KEYS: LimitRow.keys}

    def count(self, subject: str, limits: Mapping[str, int], now: datetime) -> Mapping[str, int] | None:
        window = window_of(now)[0]
        row = self._rows(f"limit#{subject}#{window}", "limit")
        asked = [(self._counters[name], limit) for name, limit in limits.items()]
        below = reduce(and_, ((c.does_not_exist() | (c < limit)) for c, limit in asked))
        actions: list[Action] = [c.add(1) for c, _ in asked]
        actions += [LimitRow.row.set("limit"), LimitRow.ttl.set((window + 1) * WINDOW + _KEPT)]
        if not update_if(row, actions, below):
            return None
        return {name: int(getattr(row, name) or 0) for name in limits}

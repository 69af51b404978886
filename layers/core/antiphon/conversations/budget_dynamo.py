"""Tokens that are set aside, in the table."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import cast

from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.exceptions import TransactWriteError
from pynamodb.transactions import TransactWrite

from antiphon.conversations.budget import Reserved
from antiphon.identity.tiers import Limits
from antiphon.platform.clock import from_rfc3339, rfc3339
from antiphon.platform.table import DUE_SHARDS, DueIndex, Row, Table, conditions_failed
from antiphon.speech.metering import QuotaExceeded, Usage, quota_reached
from antiphon.speech.usage_dynamo import DynamoUsage


class SpendRow(Row):
    month = UnicodeAttribute()
    tokens = NumberAttribute()


class DynamoBudget:
    def __init__(self, table: Table) -> None:
        self._table = table
        self._rows = table.bind(SpendRow)
        self._usage = DynamoUsage(table)

    def reserve(self, reserved: Reserved, limits: Limits, now: datetime) -> None:
        row = self._at(reserved)
        row.row, row.month, row.tokens = "spend", reserved.month, reserved.tokens
        row.gsi1pk = f"due#spend#{sum(reserved.id.encode()) % DUE_SHARDS}"
        row.gsi1sk = rfc3339(reserved.until)

        def fill(transaction: TransactWrite) -> None:
            transaction.save(row, condition=self._rows.pk.does_not_exist())
            grown = Usage(tokens=reserved.tokens)
            self._usage.add(transaction, reserved.user_id, reserved.month, grown, {"tokens": limits.tokens})

        try:
            self._table.write(fill)
        except TransactWriteError as error:
            failed = conditions_failed(error)
            if not any(failed):
                raise
            if failed[0]:  # our own write whose answer was lost
                return
            self._usage.tell(quota_reached(reserved.user_id, "", reserved.month, "tokens", now))
            raise QuotaExceeded("tokens", limits.tokens, now) from error

    def settle(self, reserved: Reserved, cost: int) -> bool:
        def fill(transaction: TransactWrite) -> None:
            transaction.delete(self._at(reserved), condition=self._rows.pk.exists())
            difference = Usage(tokens=cost - reserved.tokens)
            self._usage.add(transaction, reserved.user_id, reserved.month, difference, {})

        return self._table.write_if(fill)

    def abandoned(self, now: datetime) -> Iterator[Reserved]:
        for shard in range(DUE_SHARDS):
            for found in self._rows.due.query(f"due#spend#{shard}", DueIndex.gsi1sk <= rfc3339(now)):
                row = cast(SpendRow, found)
                user_id, spend_id = row.pk.removeprefix("user#"), row.sk.removeprefix("spend#")
                yield Reserved(spend_id, user_id, row.month, int(row.tokens), from_rfc3339(row.gsi1sk or ""))

    def _at(self, reserved: Reserved) -> SpendRow:
        return self._rows(f"user#{reserved.user_id}", f"spend#{reserved.id}")

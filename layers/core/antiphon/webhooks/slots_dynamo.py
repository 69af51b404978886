"""Slots in the table: one row for each endpoint, one attribute for each slot, which says until when it is taken."""

from __future__ import annotations

import random
from datetime import datetime
from typing import Any

from pynamodb.attributes import NumberAttribute

from antiphon.platform.table import Row, Table, update_if
from antiphon.webhooks.dynamo import partition_of
from antiphon.webhooks.model import KEEP, SLOT_FOR, SLOTS, Slot

_TRIES = 3
"""Others take what we saw free; who was too late so often is put off, as if there were none."""


class SlotsRow(Row):
    s0 = NumberAttribute(null=True)
    s1 = NumberAttribute(null=True)
    s2 = NumberAttribute(null=True)
    s3 = NumberAttribute(null=True)
    s4 = NumberAttribute(null=True)
    s5 = NumberAttribute(null=True)
    s6 = NumberAttribute(null=True)
    s7 = NumberAttribute(null=True)


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


class DynamoSlots:
    def __init__(self, table: Table) -> None:
        self._rows = table.bind(SlotsRow)

    def take(self, user_id: str, endpoint_id: str, now: datetime) -> Slot | None:
        pk, ends_at = partition_of(user_id, endpoint_id), now + SLOT_FOR
        free = self._free(pk, now)
        for number in random.sample(free, min(_TRIES, len(free))):
            until: Any = getattr(self._rows, f"s{number}")
            actions = [
                until.set(_ms(ends_at)),
                self._rows.row.set("slots"),
                self._rows.ttl.set(int((now + KEEP).timestamp())),
            ]
            if update_if(self._rows(pk, "slots"), actions, until.does_not_exist() | (until <= _ms(now))):
                return Slot(user_id, endpoint_id, number, ends_at)
        return None

    def free(self, slot: Slot) -> None:
        until: Any = getattr(self._rows, f"s{slot.number}")
        row = self._rows(partition_of(slot.user_id, slot.endpoint_id), "slots")
        update_if(row, [until.remove()], until == _ms(slot.ends_at))

    def _free(self, pk: str, now: datetime) -> list[int]:
        try:
            row = self._rows.get(pk, "slots")
        except self._rows.DoesNotExist:
            return list(range(SLOTS))
        return [n for n in range(SLOTS) if (getattr(row, f"s{n}") or 0) <= _ms(now)]

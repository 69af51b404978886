"""The counters in the table: a row for each hour, one of the jobs that are open, and for two days one for each event that was counted.

All are written in one transaction, so that a record of the stream that comes again counts nothing. The rows of a month lie together.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from pynamodb.attributes import NumberAttribute
from pynamodb.transactions import TransactWrite

from antiphon.platform.table import Row, Table
from antiphon.speech.model import Kind
from antiphon.tally.model import HOUR, NAMES, Span, hour_of, opened

KEEP = timedelta(days=400)
COUNTED_FOR = timedelta(days=2)
"""A record leaves the stream after a day."""

HourRow: Any = type("HourRow", (Row,), {name: NumberAttribute(null=True) for name in NAMES})

OpenRow: Any = type("OpenRow", (Row,), {f"{kind.value}_open": NumberAttribute(null=True) for kind in Kind})
OPEN = ("tally#open", "open")


class DynamoTally:
    def __init__(self, table: Table) -> None:
        self._table = table
        self._hours = table.bind(HourRow)
        self._open = table.bind(OpenRow)
        self._counted = table.bind(Row)

    def add(self, event_id: str, at: datetime, counts: Mapping[str, int]) -> bool:
        counted = self._counted
        marker = counted(f"counted#{event_id}", "counted", row="counted", ttl=int((at + COUNTED_FOR).timestamp()))

        def fill(transaction: TransactWrite) -> None:
            transaction.save(marker, condition=counted.pk.does_not_exist())
            self.enter(transaction, at, counts)

        return self._table.write_if(fill)

    def enter(self, transaction: TransactWrite, at: datetime, counts: Mapping[str, int]) -> None:
        """As a part of a transaction that happens once."""
        hours, open_ = self._hours, self._open
        added = [getattr(hours, name).add(number) for name, number in _known(counts).items()]
        kept = [hours.row.set("tally"), hours.ttl.set(int((at + KEEP).timestamp()))]
        transaction.update(hours(*_key(hour_of(at))), [*kept, *added])
        if more := opened(counts):
            changed = [getattr(open_, f"{kind.value}_open").add(number) for kind, number in more.items()]
            transaction.update(open_(*OPEN), [open_.row.set("open"), *changed])

    def open(self) -> Mapping[Kind, int]:
        try:
            row = self._open.get(*OPEN, consistent_read=True)
        except self._open.DoesNotExist:
            return {}
        return {kind: int(number) for kind in Kind if (number := getattr(row, f"{kind.value}_open"))}

    def hours(self, since: datetime, until: datetime) -> Iterator[Span]:
        hours, first, last = (
            self._hours,
            hour_of(since + HOUR - timedelta(microseconds=1)),
            until - timedelta(microseconds=1),
        )
        month = first
        while month <= last:
            pk, low = _key(month)
            high = _key(last)[1] if _key(last)[0] == pk else "~"
            for row in hours.query(pk, hours.sk.between(low, high)):
                values = {name: int(value) for name in NAMES if (value := getattr(row, name))}
                yield Span(_moment(row), values)
            month = (month.replace(day=1, hour=0) + timedelta(days=32)).replace(day=1)


def _known(counts: Mapping[str, int]) -> Mapping[str, int]:
    if unknown := counts.keys() - set(NAMES):
        raise KeyError(*sorted(unknown))
    return counts


def _key(hour: datetime) -> tuple[str, str]:
    return f"tally#{hour:%Y-%m}", f"{hour:%dT%H}"


def _moment(row: Row) -> datetime:
    return datetime.strptime(f"{row.pk.removeprefix('tally#')}-{row.sk}", "%Y-%m-%dT%H").replace(tzinfo=UTC)

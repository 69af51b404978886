"""The pace of each lane: one row."""

from __future__ import annotations

from pynamodb.attributes import NumberAttribute

from antiphon.platform.table import Row, Table
from antiphon.speech.model import Kind
from antiphon.speech.pace import FIRST, Pace

_LEARNED = ("unit_ms", "job_ms", "off", "jobs")


class PaceRow(Row):
    unit_ms = NumberAttribute(null=True)
    job_ms = NumberAttribute(null=True)
    off = NumberAttribute(null=True)
    jobs = NumberAttribute(null=True)
    taken = NumberAttribute(null=True)


class DynamoPaces:
    def __init__(self, table: Table) -> None:
        self._rows = table.bind(PaceRow)

    def get(self, kind: Kind, lane: str) -> Pace:
        try:
            row = self._rows.get(*_key(kind, lane))
        except self._rows.DoesNotExist:
            return FIRST[kind]
        if row.jobs is None:
            return Pace(FIRST[kind].unit_ms, FIRST[kind].job_ms, taken=int(row.taken or 0))
        return Pace(float(row.unit_ms), float(row.job_ms), float(row.off), int(row.jobs), int(row.taken or 0))

    def took(self, kind: Kind, lane: str) -> None:
        rows = self._rows
        rows(*_key(kind, lane)).update([rows.row.set("pace"), rows.taken.add(1)])

    def learn(self, kind: Kind, lane: str, pace: Pace) -> None:
        rows = self._rows
        learned = [getattr(rows, name).set(round(getattr(pace, name), 6)) for name in _LEARNED]
        rows(*_key(kind, lane)).update([rows.row.set("pace"), *learned])


def _key(kind: Kind, lane: str) -> tuple[str, str]:
    return f"lane#{kind.value}#{lane}", "pace"

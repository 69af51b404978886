"""T-03, Q-12: counters of each hour; what comes again is counted once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from antiphon.platform.table import Row, Table
from antiphon.speech.model import Kind
from antiphon.tally.dynamo import DynamoTally
from antiphon.tally.memory import MemoryTally
from antiphon.tally.model import Span, by_day
from antiphon.tally.ports import Tally

NOW = datetime(2026, 11, 30, 22, 15, tzinfo=UTC)


@pytest.fixture(params=["memory", "dynamo"])
def tally(request: pytest.FixtureRequest) -> Tally:
    return MemoryTally() if request.param == "memory" else DynamoTally(request.getfixturevalue("table"))


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type,misc]


def test_what_happens_in_an_hour_is_added_up(tally: Tally) -> None:
    assert tally.add("evt_1", NOW, {"speech_succeeded": 1, "speech_busy_ms": 1_500})
    assert tally.add("evt_2", NOW + timedelta(minutes=44), {"speech_succeeded": 1, "deliveries": 3})
    assert tally.add("evt_3", NOW + timedelta(minutes=45), {"tokens": 7})
    assert list(tally.hours(at(2026, 11, 30), at(2026, 12, 1))) == [
        Span(at(2026, 11, 30, 22), {"speech_succeeded": 2, "speech_busy_ms": 1_500, "deliveries": 3}),
        Span(at(2026, 11, 30, 23), {"tokens": 7}),
    ]


def test_the_same_event_is_counted_once_however_often_and_however_many_at_once(tally: Tally) -> None:
    with ThreadPoolExecutor(8) as pool:
        counted = list(pool.map(lambda n: tally.add(f"evt_{n % 4}", NOW, {"tokens": 1}), range(16)))
    assert sum(counted) == 4
    assert list(tally.hours(NOW - timedelta(hours=1), NOW)) == [Span(at(2026, 11, 30, 22), {"tokens": 4})]


def test_what_was_accepted_and_has_not_ended_is_open(tally: Tally) -> None:
    """O-05"""
    assert tally.open() == {}
    names = ("speech_accepted", "speech_accepted", "edit_accepted", "edit_failed", "edit_retried")
    for number, name in enumerate(names):
        tally.add(f"evt_{number}", NOW, {name: 1})
    assert tally.open() == {Kind.SPEECH: 2, Kind.EDIT: 1}
    assert tally.add("evt_end", NOW + timedelta(hours=3), {"speech_succeeded": 1, "speech_busy_ms": 5})
    assert not tally.add("evt_end", NOW + timedelta(hours=3), {"speech_succeeded": 1, "speech_busy_ms": 5})
    tally.add("evt_other", NOW, {"edit_canceled": 1, "document_expired": 1, "document_rejected": 1, "tokens": 9})
    assert tally.open() == {Kind.SPEECH: 1}


def test_a_span_of_months_is_read_in_order_and_its_end_is_left_out(tally: Tally) -> None:
    moments = [at(2026, 9, 30, 23), at(2026, 10, 1), at(2026, 11, 15, 7), at(2026, 12, 31, 23), at(2027, 1, 1)]
    for number, moment in enumerate(reversed(moments)):
        tally.add(f"evt_{number}", moment, {"tokens": 1})
    assert [span.at for span in tally.hours(moments[0], moments[-1])] == moments[:-1]
    assert [span.at for span in tally.hours(at(2026, 9, 30, 23, 30), at(2026, 10, 1, 0, 1))] == [moments[1]]
    assert list(tally.hours(moments[-1], moments[-1])) == []


def test_an_end_within_a_month_cuts_that_month_and_no_other(tally: Tally) -> None:
    """T-06."""
    moments = [at(2026, 10, 31, 23), at(2026, 11, 1), at(2026, 11, 2, 5), at(2026, 11, 20)]
    for number, moment in enumerate(moments):
        tally.add(f"evt_{number}", moment, {"tokens": 1})
    assert [span.at for span in tally.hours(at(2026, 10, 1), moments[2])] == moments[:2]


def test_a_counter_that_nobody_knows_is_refused(tally: Tally) -> None:
    with pytest.raises(KeyError):
        tally.add("evt_1", NOW, {"misspelt": 1})
    assert list(tally.hours(NOW - timedelta(days=1), NOW + timedelta(days=1))) == []


def test_counters_are_kept_for_400_days_and_repeats_are_known_for_two(table: Table) -> None:
    """T-06."""
    tally = DynamoTally(table)
    assert tally.add("evt_1", NOW, {"speech_accepted": 1})
    rows = table.bind(Row)
    hour, counted = rows.get("tally#2026-11", "30T22"), rows.get("counted#evt_1", "counted")
    assert (hour.row, hour.ttl) == ("tally", int((NOW + timedelta(days=400)).timestamp()))
    assert (counted.row, counted.ttl) == ("counted", int((NOW + timedelta(days=2)).timestamp()))
    assert rows.get("tally#open", "open").row == "open"


def test_hours_of_a_day_are_laid_together() -> None:
    hours = [
        Span(at(2026, 11, 30, 1), {"tokens": 1}),
        Span(at(2026, 11, 30, 23), {"tokens": 2, "deliveries": 1}),
        Span(at(2026, 12, 1, 0), {"tokens": 4}),
    ]
    assert list(by_day(hours)) == [
        Span(at(2026, 11, 30), {"tokens": 3, "deliveries": 1}),
        Span(at(2026, 12, 1), {"tokens": 4}),
    ]

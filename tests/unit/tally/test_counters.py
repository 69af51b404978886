"""T-06: what is counted in an hour, and what of it is open."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from antiphon.speech.model import Kind
from antiphon.tally.memory import MemoryTally
from antiphon.tally.model import DAY, HOUR, NAMES, OF_JOBS, Span, by_day, day_of, hour_of, opened

NOW = datetime(2026, 11, 30, 22, 15, 7, 9, tzinfo=UTC)
EAST = timezone(timedelta(hours=3))


def test_each_kind_of_job_has_its_counters() -> None:
    """T-06: columns of the table hold their names."""
    assert OF_JOBS == (
        "accepted", "retried", "started", "succeeded", "failed", "rejected", "canceled", "expired",
        "queued_ms", "busy_ms", "audio_ms", "characters",
    )  # fmt: skip
    assert set(NAMES) == {*(f"{kind.value}_{name}" for kind in Kind for name in OF_JOBS), "deliveries", "tokens"}
    assert len(NAMES) == len(set(NAMES)) == 7 * 12 + 2


@pytest.mark.parametrize(
    ("name", "more"),
    [*((name, 1) for name in ("accepted", "retried")), *((name, -1) for name in ("succeeded", "failed", "canceled")),
     *((name, 0) for name in ("started", "rejected", "expired", "queued_ms", "busy_ms", "audio_ms", "characters"))],
)  # fmt: skip
def test_what_opens_and_what_ends_a_job(name: str, more: int) -> None:
    """T-06, O-05."""
    for kind in Kind:
        assert opened({f"{kind.value}_{name}": 3, "tokens": 5}) == ({kind: 3 * more} if more else {})


def test_kinds_whose_jobs_come_out_even_are_left_out() -> None:
    """T-06."""
    counts = {"speech_accepted": 2, "speech_retried": 1, "speech_failed": 3, "edit_canceled": 1}
    assert opened(counts) == {Kind.EDIT: -1}


def test_hours_and_days_are_those_of_utc() -> None:
    """T-06."""
    assert hour_of(NOW) == datetime(2026, 11, 30, 22, tzinfo=UTC)
    assert hour_of(datetime(2026, 12, 1, 2, 59, tzinfo=EAST)) == datetime(2026, 11, 30, 23, tzinfo=UTC)
    assert day_of(datetime(2026, 12, 1, 2, 59, tzinfo=EAST)) == datetime(2026, 11, 30, tzinfo=UTC)
    assert day_of(NOW) == datetime(2026, 11, 30, tzinfo=UTC)
    assert (timedelta(minutes=60), timedelta(hours=24)) == (HOUR, DAY)


def test_the_hours_of_a_day_are_added_up() -> None:
    """T-06."""
    hours = [
        Span(NOW, {"tokens": 1}),
        Span(NOW + HOUR, {"tokens": 2, "deliveries": 1}),
        Span(NOW + 2 * HOUR, {"tokens": 4}),
    ]
    assert list(by_day(hours)) == [
        Span(datetime(2026, 11, 30, tzinfo=UTC), {"tokens": 3, "deliveries": 1}),
        Span(datetime(2026, 12, 1, tzinfo=UTC), {"tokens": 4}),
    ]
    assert list(by_day([])) == []


def test_the_fake_counts_once_and_knows_its_counters() -> None:
    """T-06."""
    tally = MemoryTally()
    with pytest.raises(KeyError, match="misspelt"):
        tally.add("evt_1", NOW, {"misspelt": 1})
    assert tally.add("evt_1", NOW, {"edit_accepted": 1})
    assert tally.add("evt_1", NOW, {"edit_accepted": 1}) is False
    assert tally.open() == {Kind.EDIT: 1}
    hour = hour_of(NOW)
    assert list(tally.hours(hour, hour + HOUR)) == [Span(hour, {"edit_accepted": 1})]
    assert list(tally.hours(hour + timedelta(seconds=1), hour + HOUR)) == []
    assert list(tally.hours(hour - HOUR, hour)) == []

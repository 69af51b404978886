"""T-06: to the last unit what a job counts for, what is refused, and what a key pays."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from antiphon.identity.tiers import GIB, TIERS
from antiphon.media.items import Media
from antiphon.platform.events import Event
from antiphon.platform.ids import derived_id
from antiphon.speech.metering import (
    Charge,
    QuotaExceeded,
    Usage,
    allowed,
    budget_reached,
    charge,
    contribution,
    counted,
    delta,
    enforced,
    kept,
    measured_usd,
    micro_usd,
    month_after,
    month_at,
    month_of,
    quota_reached,
    released,
)
from antiphon.speech.model import BOUNDED, Budget, Change, Checkpoint, Job, Kind, Source, Status

NOW = datetime(2026, 11, 30, 23, tzinfo=UTC)
FREE = TIERS["free"]
SOURCE = Source("b", "uploads/x", size=1_000)
AWAITING, QUEUED, RUNNING, SUCCEEDED, FAILED, CANCELED, EXPIRED = Status


def job(status: Status = QUEUED, kind: Kind = Kind.TRANSCRIPTION, **changes: Any) -> Job:
    return replace(Job("job_1", kind, "usr_1", status, NOW, source=SOURCE), **changes)


def test_use_is_added_and_taken_away_counter_by_counter() -> None:
    """T-06."""
    one, two = Usage(*range(1, 10)), Usage(*range(10, 100, 10))
    assert one + two == Usage(*(11 * n for n in range(1, 10)))
    assert two - one == Usage(*(9 * n for n in range(1, 10)))
    assert Usage() == Usage(0, 0, 0, 0, 0, 0, 0, 0, 0)


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("status", Status)
def test_a_job_counts_by_its_kind_and_its_state(kind: Kind, status: Status) -> None:
    """T-06, Q-12: all 49 pairs."""
    counts = contribution(
        job(
            status,
            kind,
            duration=2.0004,
            checkpoint=Checkpoint(30.0, 1),
            characters=70,
            options={"upload": {"size": 5}},
        )
    )
    void = status in (FAILED, CANCELED, EXPIRED)
    listens = kind in (Kind.TRANSCRIPTION, Kind.ALIGNMENT, Kind.DIARIZATION)
    workers = {Kind.SPEECH: "speech", Kind.DOCUMENT: "document", Kind.EDIT: "edit"}.get(kind, "transcription")
    assert counts == Usage(
        open_jobs=1 if status in (AWAITING, QUEUED, RUNNING) else 0,
        storage_bytes=1_000,
        audio_ms=0 if void or not listens else 2_000 if status is SUCCEEDED else 30_000,
        characters=70 if kind is Kind.SPEECH and not void else 0,
        **({f"running_{workers}": 1} if status is RUNNING else {}),
    )


def test_what_is_not_known_yet_counts_for_nothing() -> None:
    """T-06."""
    assert contribution(None) == Usage()
    assert contribution(job(SUCCEEDED)) == Usage(storage_bytes=1_000)
    assert contribution(job(QUEUED, Kind.SPEECH)) == Usage(1, 1_000)
    assert contribution(job(QUEUED, source=None)) == Usage(1)
    without: tuple[dict[str, Any], ...] = ({}, {"upload": None}, {"upload": {}})
    for options in without:
        assert contribution(job(AWAITING, source=None, options=options)) == Usage(1)
    reserved = {"upload": {"size": 5_000}}
    assert contribution(job(AWAITING, source=None, options=reserved)) == Usage(1, 5_000)
    assert contribution(job(QUEUED, source=None, options=reserved)) == Usage(1)


def test_the_longer_of_header_and_what_was_heard_counts_until_the_end() -> None:
    """T-06."""
    for duration, position, status, expected in (
        (60.0, 30.0, RUNNING, 60_000),
        (20.0, 30.0, RUNNING, 30_000),
        (None, 30.0, RUNNING, 30_000),
        (20.0, 30.0, SUCCEEDED, 20_000),
    ):
        assert contribution(job(status, duration=duration, checkpoint=Checkpoint(position, 1))).audio_ms == expected


def test_what_belongs_to_another_counts_there() -> None:
    """T-06: a media item for its own bytes, a borrowed recording and a copied result for the job that has them."""
    media = replace(SOURCE, key=f"media/{derived_id('med', NOW)}")
    assert contribution(job(source=media)) == Usage(1)
    assert contribution(job(options={"borrowed": "job_2"})) == Usage(1)
    assert contribution(job(source=replace(SOURCE, key=f"{derived_id('med', NOW)}/x"))) == Usage(1, 1_000)
    assert contribution(job(SUCCEEDED, duration=9.0, copied=True)) == Usage(0, 1_000)
    assert contribution(job(SUCCEEDED, Kind.SPEECH, characters=9, copied=True)) == Usage(0, 1_000)


def test_a_deleted_job_takes_what_it_holds() -> None:
    """T-06."""
    assert kept(job(RUNNING, duration=9.0)) == Usage(1, 1_000, running_transcription=1)
    for kind in (Kind.SPEECH, Kind.DOCUMENT, Kind.EDIT):
        assert kept(job(RUNNING, kind, characters=9)) == Usage(1, 1_000, **{f"running_{kind.value}": 1})


def test_a_month_is_that_of_the_round_in_utc() -> None:
    """T-06."""
    east = timezone(timedelta(hours=3))
    assert month_at(datetime(2026, 12, 1, 2, 59, tzinfo=east)) == "2026-11"
    assert month_at(datetime(2026, 12, 1, 3, tzinfo=east)) == "2026-12"
    assert month_of(job()) == "2026-11"
    assert month_of(job(round_at=NOW + timedelta(hours=1))) == "2026-12"
    for moment, after in (
        (datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)),
        (datetime(2026, 1, 31, 23, 59, 59, 999_999, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)),
        (datetime(2028, 2, 29, 7, 8, 9, 10, tzinfo=UTC), datetime(2028, 3, 1, tzinfo=UTC)),
        (datetime(2026, 12, 1, 2, 59, tzinfo=east), datetime(2026, 12, 1, tzinfo=UTC)),
    ):
        assert month_after(moment) == after


def test_each_counter_has_the_limit_of_the_tier() -> None:
    """T-06, Q-42."""
    assert allowed(FREE) == {
        "open_jobs": 100,
        "running_transcription": 1,
        "running_speech": 1,
        "running_document": 1,
        "running_edit": 1,
        "storage_bytes": 20 * GIB,
        "audio_ms": 36_000_000,
        "characters": 500_000,
        "tokens": 1_000_000,
    }


def test_only_what_grows_is_held_to_its_limit() -> None:
    """T-06."""
    created = Change(None, job(QUEUED, Kind.SPEECH, characters=7))
    limits = allowed(FREE)
    assert enforced(created) == {name: limits[name] for name in ("open_jobs", "storage_bytes", "characters")}
    assert enforced(replace(created, bounded=frozenset({"characters"}))) == {"characters": 500_000}
    begun = Change(job(QUEUED), job(RUNNING, duration=0.001))
    assert enforced(begun) == {name: limits[name] for name in ("audio_ms", "running_transcription")}
    assert enforced(Change(job(RUNNING), job(SUCCEEDED))) == {}
    assert enforced(Change(job(QUEUED), job(QUEUED))) == {}
    larger = Change(None, job(tier="premium"))
    assert enforced(larger) == {"open_jobs": 1_000, "storage_bytes": 500 * GIB}
    assert delta(begun) == Usage(audio_ms=1, running_transcription=1)


def test_a_media_item_that_comes_with_a_change_is_counted_with_it() -> None:
    """T-06."""
    change = Change(job(RUNNING, Kind.EDIT), job(SUCCEEDED, Kind.EDIT))
    assert counted(change, None) == (Usage(-1, running_edit=-1), {})
    made = Media("med_1", "usr_1", "edit", "a.wav", "audio/wav", 70, NOW, tier="premium")
    assert counted(change, made) == (Usage(-1, 70, running_edit=-1), {"storage_bytes": 500 * GIB})
    new = Change(None, job())
    assert counted(new, replace(made, tier="free")) == (Usage(1, 1_070), {**enforced(new), "storage_bytes": 20 * GIB})


def test_the_owner_hears_which_counter_and_month_it_was() -> None:
    """T-06."""
    for counter, shown in (("audio_ms", "audio_seconds"), ("characters", "characters")):
        assert quota_reached("usr_1", "free", "2026-11", counter, NOW) == Event(
            id=derived_id("evt", NOW, "usr_1", "quota_reached", counter, "2026-11"),
            user_id="usr_1",
            type="user.quota_reached",
            timestamp=NOW,
            data={"counter": shown, "month": "2026-11", "tier": "free"},
        )
    told = budget_reached(job(), Budget("key_1", 5), NOW)
    assert told == Event(
        id=derived_id("evt", NOW, "usr_1", "quota_reached", "budget:key_1", "2026-11"),
        user_id="usr_1",
        type="user.quota_reached",
        timestamp=NOW,
        data={"counter": "budget", "month": "2026-11", "tier": "free", "key_id": "key_1"},
    )


def paid(status: Status = QUEUED, *, quoted: int = 0, spent: int = 0, **changes: Any) -> Job:
    """spent: in units of ten hours of a worker, 8,048,000 millionths each."""
    return job(status, budget=Budget("key_1", 9_000_000, quoted), busy_ms=spent * 36_000_000, **changes)


UNIT = 8_048_000


def test_what_workers_spent_has_its_price() -> None:
    """T-06."""
    assert measured_usd(paid(spent=2)) == 16.096
    assert micro_usd(16.0960004) == 16_096_000
    assert micro_usd(0.0000016) == 2


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        # Of a quote: it is set aside from the beginning, what goes beyond is added, and the rest comes back at the end.
        (None, paid(quoted=70), (70, 8_999_930)),
        (None, paid(AWAITING, quoted=70), (70, 8_999_930)),
        (paid(quoted=70), paid(RUNNING, quoted=70), None),
        (paid(RUNNING, quoted=70), paid(RUNNING, quoted=70, spent=1), (UNIT - 70, 9_000_000 - UNIT + 70)),
        (paid(RUNNING, quoted=9_000_000), paid(RUNNING, quoted=9_000_000, spent=1), None),
        (paid(RUNNING, quoted=70), paid(SUCCEEDED, quoted=70), (-70, None)),
        (paid(RUNNING, quoted=70), paid(FAILED, quoted=70, spent=1), (UNIT - 70, None)),
        (paid(FAILED, quoted=70), paid(QUEUED, quoted=70), (70, 8_999_930)),
        (paid(QUEUED, quoted=70), paid(CANCELED, quoted=70), (-70, None)),
        # Without: nothing begins or goes on once the budget has ended, and what ends tells what was spent.
        (None, paid(), (0, 8_999_999)),
        (paid(), paid(RUNNING), (0, 8_999_999)),
        (paid(RUNNING), paid(RUNNING, spent=1), (UNIT, 9_000_000 - UNIT)),
        (paid(RUNNING), paid(SUCCEEDED, spent=1), (UNIT, None)),
        (paid(RUNNING), paid(SUCCEEDED), None),
        (paid(RUNNING, spent=1), paid(QUEUED, spent=1), None),
        (paid(RUNNING, spent=1), paid(QUEUED, spent=2), (UNIT, None)),
        (paid(FAILED, spent=1), paid(QUEUED, spent=1), (0, 8_999_999)),
        # What is there with its end already is told and not refused.
        (None, paid(SUCCEEDED, spent=1), (UNIT, None)),
        (paid(FAILED, spent=1), paid(FAILED, spent=2), (UNIT, None)),
        (None, job(), None),
    ],
)
def test_a_key_is_charged_for_what_is_set_aside_and_what_was_spent(
    before: Job | None, after: Job, expected: tuple[int, int | None] | None
) -> None:
    """T-06, PEERS 8: (what is added, what the counter may show before it; None where it is not refused)."""
    assert charge(Change(before, after)) == (Charge("key_1", "2026-11", *expected) if expected else None)


def test_a_change_that_is_not_bounded_is_charged_and_not_refused() -> None:
    """T-06."""
    unbounded = BOUNDED - {"budget"}
    assert charge(Change(None, paid(quoted=70), bounded=unbounded)) == Charge("key_1", "2026-11", 70)
    assert charge(Change(None, paid(), bounded=unbounded)) is None
    later = paid(quoted=70, round_at=NOW + timedelta(hours=1))
    assert charge(Change(None, later, bounded=unbounded)) == Charge("key_1", "2026-12", 70)


def test_what_goes_before_its_end_gives_back_what_was_set_aside() -> None:
    """T-06."""
    assert released(paid(quoted=70)) == Charge("key_1", "2026-11", -70)
    assert released(paid(RUNNING, quoted=9_000_000, spent=1)) == Charge("key_1", "2026-11", UNIT - 9_000_000)
    assert released(paid(quoted=0)) is None
    assert released(paid(SUCCEEDED, quoted=70, spent=1)) is None
    assert released(job(busy_ms=36_000_000)) is None


@pytest.mark.parametrize(
    ("counter", "limit", "code", "wait", "says"),
    [
        ("open_jobs", 1_000, "too_many_jobs", 60, "At most 1,000 jobs may wait or run"),
        ("storage_bytes", 2_000, "quota_exceeded", 60, "what is left of 2,000 bytes"),
        ("budget", 1_250_000, "budget_exceeded", 3_600, "what is left of the 1.25 US$"),
        ("audio_ms", 60_000_000, "quota_exceeded", 3_600, "this month's 1,000 minutes of audio"),
        ("characters", 500_000, "quota_exceeded", 3_600, "this month's 500,000 characters."),
        ("tokens", 7, "quota_exceeded", 3_600, "this month's 7 tokens."),
    ],
)
def test_a_refusal_says_what_is_used_up_and_how_long_to_wait(
    counter: str, limit: int, code: str, wait: int, says: str
) -> None:
    """T-06, Q-42."""
    refused = QuotaExceeded(counter, limit, NOW)
    assert (refused.code, refused.retry_after, refused.counter, refused.status, refused.retryable) == (
        code,
        wait,
        counter,
        429,
        False,
    )
    assert says in refused.detail


@pytest.mark.parametrize(
    ("before_the_end", "wait"),
    [
        (timedelta(days=20), 86_400),
        (timedelta(seconds=86_399), 86_399),
        (timedelta(seconds=1), 1),
        (timedelta(milliseconds=1), 1),
    ],
)
def test_the_next_month_is_waited_for_a_day_at_most(before_the_end: timedelta, wait: int) -> None:
    """T-06."""
    assert QuotaExceeded("tokens", 1, datetime(2026, 12, 1, tzinfo=UTC) - before_the_end).retry_after == wait

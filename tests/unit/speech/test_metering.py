"""What a job counts for, from its first moment to its last."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from antiphon.identity.tiers import TIERS
from antiphon.speech import model
from antiphon.speech.again import RetryDead
from antiphon.speech.memory import MemoryJobStore
from antiphon.speech.metering import QuotaExceeded, Usage, contribution, month_after, month_at
from antiphon.speech.model import Change, Checkpoint, Failure, Job, Kind, Source, Status

NOW = datetime(2026, 11, 30, 23, 0, tzinfo=UTC)
LEASE = timedelta(seconds=60)
SOURCE = Source("b", "uploads/x", size=1_000)
FREE = TIERS["free"]


def job(number: int = 1, **changes: Any) -> Job:
    made = Job(f"job_{number}", Kind.TRANSCRIPTION, "usr_1", Status.QUEUED, NOW, source=SOURCE)
    return replace(made, **changes)


def speech(number: int = 1, characters: int = 500, **changes: Any) -> Job:
    return job(number, kind=Kind.SPEECH, characters=characters, **changes)


@pytest.fixture
def store() -> MemoryJobStore:
    return MemoryJobStore()


def used(store: MemoryJobStore, month: str = "2026-11") -> Usage:
    return store.usage("usr_1", month)


def done(store: MemoryJobStore, change: Change) -> Job:
    store.apply(change)
    return change.after


def claimed(store: MemoryJobStore, waiting: Job) -> Job:
    return done(store, model.claim(waiting, owner="w", message_id="m", lease=LEASE, now=NOW))


def heard(store: MemoryJobStore, running: Job, duration: float | None, position: float) -> Job:
    found = {"duration": duration, "checkpoint": Checkpoint(position, 1)}
    return done(store, model.advance(running, owner="w", lease=LEASE, now=NOW, **found))


def test_a_transcription_counts_its_place_its_bytes_and_its_length(store: MemoryJobStore) -> None:
    waiting = done(store, model.create(job(), NOW))
    assert used(store) == Usage(open_jobs=1, storage_bytes=1_000)
    running = heard(store, claimed(store, waiting), 120.0, 30.0)
    assert used(store) == Usage(1, 1_000, audio_ms=120_000, running_transcription=1)
    done(store, model.finish(running, owner="w", now=NOW, duration=119.5))
    assert used(store) == Usage(0, 1_000, audio_ms=119_500)


def test_a_length_that_the_header_hides_is_counted_as_it_is_heard(store: MemoryJobStore) -> None:
    running = heard(store, claimed(store, done(store, model.create(job(), NOW))), None, 30.0)
    assert used(store).audio_ms == 30_000
    heard(store, running, None, 60.0)
    assert used(store).audio_ms == 60_000


@pytest.mark.parametrize("end", ["failed", "canceled"])
def test_who_gets_nothing_pays_nothing_until_it_is_retried(store: MemoryJobStore, end: str) -> None:
    running = heard(store, claimed(store, done(store, model.create(job(), NOW))), 120.0, 30.0)
    ended = model.cancel(running, NOW) if end == "canceled" else model.fail(running, Failure("x", "y"), NOW, owner="w")
    after = done(store, ended)
    assert used(store) == Usage(0, 1_000)
    done(store, model.retry(after, NOW))
    assert used(store) == Usage(1, 1_000, audio_ms=120_000)


def test_a_reserved_upload_is_given_back_when_it_never_comes(store: MemoryJobStore) -> None:
    """U-03"""
    waiting = job(status=Status.AWAITING_UPLOAD, source=None, options={"upload": {"size": 5_000}})
    created = done(store, model.create(waiting, NOW))
    assert used(store) == Usage(1, 5_000)
    arrived = model.arrive(created, SOURCE, NOW)
    assert arrived is not None
    assert contribution(arrived.after) == Usage(1, 1_000)
    done(store, model.expire(created, NOW))
    assert used(store) == Usage()


def test_a_deleted_job_gives_its_bytes_back_and_not_what_it_has_used(store: MemoryJobStore) -> None:
    ended = done(store, model.finish(claimed(store, done(store, model.create(speech(), NOW))), owner="w", now=NOW))
    assert used(store) == Usage(0, 1_000, characters=500)
    for _ in range(2):
        store.delete(ended)
    assert used(store) == Usage(characters=500)


def test_a_month_is_that_of_the_creation(store: MemoryJobStore) -> None:
    running = claimed(store, done(store, model.create(speech(), NOW)))
    done(store, model.finish(running, owner="w", now=NOW + timedelta(hours=2)))
    assert used(store).characters == 500
    assert used(store, "2026-12").characters == 0
    assert month_at(NOW + timedelta(hours=1)) == "2026-12"
    assert month_after(NOW) == datetime(2026, 12, 1, tzinfo=UTC)
    assert month_after(datetime(2026, 12, 31, 5, tzinfo=UTC)) == datetime(2027, 1, 1, tzinfo=UTC)


def test_characters_are_refused_where_they_would_go_beyond_and_nothing_is_stored(store: MemoryJobStore) -> None:
    """Q-42, A-62: up to the last one."""
    done(store, model.create(speech(1, FREE.characters - 1), NOW))
    with pytest.raises(QuotaExceeded) as refused:
        store.apply(model.create(speech(2, 2), NOW))
    assert (refused.value.status, refused.value.code, refused.value.counter) == (429, "quota_exceeded", "characters")
    assert refused.value.retry_after == 3_600
    assert store.get("usr_1", Kind.SPEECH, "job_2") is None
    done(store, model.create(speech(3, 1), NOW))
    assert used(store).characters == FREE.characters


def test_the_owner_hears_of_it_once_a_month(store: MemoryJobStore) -> None:
    done(store, model.create(speech(1, FREE.characters), NOW))
    for number in (2, 3):
        with pytest.raises(QuotaExceeded):
            store.apply(model.create(speech(number, created_at=NOW + timedelta(minutes=number)), NOW))
    done(store, model.create(speech(4, FREE.characters, created_at=NOW + timedelta(hours=2)), NOW))
    with pytest.raises(QuotaExceeded):
        store.apply(model.create(speech(5, created_at=NOW + timedelta(hours=2)), NOW))
    told = [e for e in store.events if e.type == "user.quota_reached"]
    assert [(e.data["counter"], e.data["month"]) for e in told] == [
        ("characters", "2026-11"),
        ("characters", "2026-12"),
    ]
    assert len({e.id for e in told}) == 2


def test_so_many_jobs_may_wait_or_run(store: MemoryJobStore) -> None:
    """Q-42"""
    for number in range(FREE.concurrent_jobs):
        last = done(store, model.create(job(number), NOW))
    with pytest.raises(QuotaExceeded) as refused:
        store.apply(model.create(job(999), NOW))
    assert (refused.value.code, refused.value.retry_after) == ("too_many_jobs", 60)
    done(store, model.cancel(last, NOW))
    done(store, model.create(job(999), NOW))
    canceled = store.get("usr_1", Kind.TRANSCRIPTION, last.id)
    assert canceled is not None
    with pytest.raises(QuotaExceeded):
        store.apply(model.retry(canceled, NOW))


def test_a_recording_longer_than_what_is_left_is_refused_when_that_is_known(store: MemoryJobStore) -> None:
    running = claimed(store, done(store, model.create(job(), NOW)))
    too_long = FREE.audio_minutes * 60 + 1.0
    with pytest.raises(QuotaExceeded) as refused:
        heard(store, running, too_long, 30.0)
    assert (refused.value.counter, refused.value.retryable) == ("audio_ms", False)
    heard(store, running, too_long - 1, 30.0)


def test_what_was_done_is_not_refused(store: MemoryJobStore) -> None:
    """The recording was a little longer than its header said."""
    limit = FREE.audio_minutes * 60.0
    running = heard(store, claimed(store, done(store, model.create(job(), NOW))), limit, 30.0)
    done(store, model.finish(running, owner="w", now=NOW, duration=limit + 5))
    assert used(store).audio_ms == round((limit + 5) * 1000)


def test_a_larger_tier_has_larger_limits(store: MemoryJobStore) -> None:
    done(store, model.create(speech(1, FREE.characters + 1, tier="premium"), NOW))


def test_a_job_that_is_retried_in_the_next_month_takes_that_months_quota(store: MemoryJobStore) -> None:
    """Who was told to wait for the next month finds it."""
    done(store, model.create(speech(1, FREE.characters), NOW))
    waiting = done(store, replace(model.create(speech(2), NOW), bounded=frozenset()))
    failed = done(
        store, model.fail(waiting, Failure("quota_exceeded", "The characters of this month are used up."), NOW)
    )
    with pytest.raises(QuotaExceeded):
        store.apply(model.retry(failed, NOW))
    done(store, model.retry(failed, NOW + timedelta(hours=2)))
    assert used(store).characters == FREE.characters
    assert used(store, "2026-12").characters == 500


def test_nobody_is_asked_to_wait_for_longer_than_a_day() -> None:
    assert QuotaExceeded("characters", 1, datetime(2026, 11, 2, tzinfo=UTC)).retry_after == 86_400
    assert QuotaExceeded("audio_ms", 1, datetime(2026, 11, 30, 23, 59, 59, 900_000, tzinfo=UTC)).retry_after == 1


def test_an_upload_that_has_come_is_never_refused(store: MemoryJobStore) -> None:
    """Q-03, U-03: a larger put of the same key came after the first one, and all storage is in use meanwhile."""
    waiting = job(status=Status.AWAITING_UPLOAD, source=None, options={"upload": {"size": 5_000}})
    first = model.arrive(done(store, model.create(waiting, NOW)), replace(SOURCE, sequencer="01"), NOW)
    assert first
    done(store, first)
    done(store, model.create(job(2, source=replace(SOURCE, size=FREE.storage_bytes - 1_000)), NOW))
    second = model.arrive(first.after, replace(SOURCE, size=5_000, sequencer="02"), NOW)
    assert second
    done(store, second)
    assert used(store).storage_bytes == FREE.storage_bytes + 4_000


def test_what_an_operator_brings_back_is_counted_and_not_refused(store: MemoryJobStore) -> None:
    """One user's quota does not hold up the dead letters of all others."""
    waiting = done(store, model.create(speech(1), NOW))
    done(store, model.fail(waiting, Failure("worker_crashed", "It stopped."), NOW))
    done(store, model.create(speech(2, FREE.characters), NOW))
    assert RetryDead(jobs=store, clock=lambda: NOW)("usr_1", Kind.SPEECH, "job_1")
    assert used(store).characters == FREE.characters + 500

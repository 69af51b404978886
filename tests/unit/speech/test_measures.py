"""O-05: what is measured of a job is written with the change that it is measured of, and counted once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from antiphon.speech import model
from antiphon.speech.measures import event_of, measures_of
from antiphon.speech.model import Change, Failure, Job, Kind, Source, Status

START = datetime(2026, 11, 20, tzinfo=UTC)
LEASE = timedelta(seconds=60)
SOURCE = Source("b", "k")


def later(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def new(status: Status = Status.QUEUED, kind: Kind = Kind.TRANSCRIPTION, stage: str | None = None) -> Change:
    return model.create(Job("job_1", kind, "usr_1", status, START, source=SOURCE, stage=stage), START)


def claimed(job: Job, seconds: float, owner: str = "w1") -> Change:
    return model.claim(job, owner=owner, message_id="m", lease=LEASE, now=later(seconds))


def finished(job: Job, seconds: float, **found: object) -> Change:
    return model.finish(job, owner="w1", now=later(seconds), **found)


def test_a_job_is_accepted_with_the_first_event_that_tells_of_it() -> None:
    assert measures_of(new()) == {"JobsAccepted": 1}
    waiting = new(Status.AWAITING_UPLOAD)
    assert (waiting.event, measures_of(waiting)) == (None, {})
    arrived = model.arrive(waiting.after, SOURCE, START)
    assert arrived
    assert measures_of(arrived) == {"JobsAccepted": 1}


def test_a_job_whose_recording_is_fetched_is_accepted_once() -> None:
    fetching = new(Status.AWAITING_UPLOAD, stage=model.FETCHING)
    arrived = model.arrive(fetching.after, SOURCE, START)
    assert arrived
    assert [measures_of(fetching), measures_of(arrived)] == [{"JobsAccepted": 1}, {}]


def test_a_job_that_nobody_was_told_of_is_accepted_with_its_end() -> None:
    waiting = new(Status.AWAITING_UPLOAD).after
    assert measures_of(model.expire(waiting, START)) == {"JobsAccepted": 1, "JobsExpired": 1}
    assert measures_of(model.cancel(waiting, START)) == {"JobsAccepted": 1, "JobsCanceled": 1}


def test_a_retry_is_a_round_of_its_own() -> None:
    failed = model.fail(claimed(new().after, 5).after, Failure("worker_crashed", "…"), later(9))
    assert measures_of(failed) == {"JobsFailed": 1}
    assert measures_of(model.retry(failed.after, later(10))) == {"JobsAccepted": 1}


def test_each_wait_in_the_queue_is_measured_alone() -> None:
    first = claimed(new().after, 5)
    assert measures_of(first) == {"QueueWaitMs": 5000}
    back = model.hand_back(first.after, owner="w1", now=later(20))
    assert measures_of(back) == {}
    assert measures_of(claimed(back.after, 22)) == {"QueueWaitMs": 2000}


def test_a_wait_is_one_of_its_lane() -> None:
    """O-08"""
    queued = replace(new().after, lane="priority")
    assert measures_of(claimed(queued, 5)) == {"PriorityWaitMs": 5000}


def test_who_takes_over_a_job_says_that_its_lease_was_lost() -> None:
    running = claimed(new().after, 5).after
    assert measures_of(claimed(running, 100, "w2")) == {"LeaseLost": 1}


def test_progress_and_names_count_nothing() -> None:
    running = claimed(new().after, 5).after
    assert measures_of(model.advance(running, owner="w1", lease=LEASE, now=later(6), progress=10)) == {}
    renamed = model.revise(running, later(7), revision="r", title="Talk")
    assert renamed
    assert measures_of(renamed) == {}
    done = finished(running, 9).after
    renamed = model.revise(done, later(10), revision="r", title="Talk")
    assert renamed
    assert measures_of(renamed) == {}


@pytest.mark.parametrize(
    ("kind", "found", "expected"),
    [
        (Kind.TRANSCRIPTION, {"duration": 40.0}, {"AudioSeconds": 40.0, "RealTimeFactor": 0.25}),
        (Kind.SPEECH, {"duration": 5.0}, {"AudioSeconds": 5.0, "RealTimeFactor": 2.0}),
        (Kind.TRANSCRIPTION, {"duration": 40.0, "copied": True}, {}),
        (Kind.TRANSCRIPTION, {"duration": 0.0}, {}),
        (Kind.EDIT, {"duration": 40.0}, {}),
        (Kind.DOCUMENT, {}, {}),
    ],
)
def test_what_was_heard_or_spoken_is_measured_with_the_success(
    kind: Kind, found: Mapping[str, object], expected: Mapping[str, float]
) -> None:
    """A worker had the job for ten seconds; of a copy nothing was heard."""
    job = claimed(new(kind=kind).after, 5).after
    assert measures_of(finished(job, 15, **found)) == {"JobsSucceeded": 1, **expected}


def test_the_event_carries_what_was_measured_and_counted_and_is_the_same_otherwise() -> None:
    change = new()
    event = event_of(change)
    assert event
    assert (event.measured, event.counts) == ({"JobsAccepted": 1}, {"transcription_accepted": 1})
    assert replace(event, measured={}, counts={}) == change.event
    assert event_of(new(Status.AWAITING_UPLOAD)) is None

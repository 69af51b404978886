from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from antiphon.platform.errors import Conflict, Forbidden, NotFound, TooLarge, Unsupported
from antiphon.speech import model
from antiphon.speech.again import retry_by
from antiphon.speech.metering import QuotaExceeded
from antiphon.speech.model import Budget, Checkpoint, Failure, Job, Kind, Status
from antiphon.speech.ports import Chunk
from antiphon.speech.submit import FileToCome, NewJob, Submit
from antiphon.speech.sweep import SweepJobs
from tests.contract.test_job_store import said
from tests.unit.speech.conftest import ANNA, BORIS, RESULTS, UPLOADS, Desk, wav

FILE = FileToCome("talk.mp3", "audio/mpeg", 1000)


class Lanes:
    def __init__(self, idle: bool) -> None:
        self.idle = idle

    def is_idle(self, kind: Kind, lane: str) -> bool:
        return self.idle


def now(desk: Desk, job: Job) -> Job:
    found = desk.jobs.get(job.user_id, job.kind, job.id)
    assert found
    return found


def test_a_job_that_waits_says_where_its_file_goes_until_it_came(desk: Desk) -> None:
    """U-01, A-50: key, type and size are pinned."""
    job = desk.submit.transcription(ANNA, NewJob(file=FILE)).job
    assert desk.submit.upload(job)
    assert desk.objects.posts == [
        {"bucket": UPLOADS, "key": f"uploads/{ANNA.user_id}/{job.id}", "content_type": "audio/mpeg", "max_size": 1000}
    ]
    desk.arrive(desk.put(f"uploads/{ANNA.user_id}/{job.id}", wav()))
    assert desk.submit.upload(now(desk, job)) is None


def test_a_repeated_request_creates_one_job(desk: Desk) -> None:
    """A crash between job and idempotency record: the seed makes the same id again."""
    seed = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
    first = desk.submit.speech(ANNA, NewJob(text="Hello."), seed).job
    desk.clock.move(minutes=1)
    assert desk.submit.speech(ANNA, NewJob(text="Hello."), seed).job == first
    assert desk.events == ["speech.queued"]


@pytest.mark.parametrize(("size", "tier_ok"), [(10**13, False), (10_000_000, True)])
def test_the_declared_size_is_held_to_the_tier(desk: Desk, size: int, tier_ok: bool) -> None:
    """U-03"""
    new = NewJob(file=FileToCome("a.mp3", "audio/mpeg", size))
    if tier_ok:
        assert desk.submit.transcription(ANNA, new).job
        return
    with pytest.raises(TooLarge) as refused:
        desk.submit.transcription(ANNA, new)
    assert refused.value.code == "upload_too_large"
    assert desk.jobs.list(ANNA.user_id, Kind.TRANSCRIPTION, limit=5).items == ()


def test_what_is_declared_as_no_recording_is_refused(desk: Desk) -> None:
    """U-03"""
    with pytest.raises(Unsupported):
        desk.submit.transcription(ANNA, NewJob(file=FileToCome("a.pdf", "application/pdf", 10)))


def test_a_media_item_of_another_user_is_not_there(desk: Desk) -> None:
    media, _ = desk.submit.media(ANNA, FILE, "transcription")
    with pytest.raises(NotFound):
        desk.submit.transcription(BORIS, NewJob(media_id=media.id))
    with pytest.raises(Conflict) as early:
        desk.submit.transcription(ANNA, NewJob(media_id=media.id))
    assert early.value.code == "media_not_ready"


def test_a_text_that_is_refused_for_the_quota_is_not_kept(desk: Desk) -> None:
    """Q-42: nothing stored, in the bucket neither."""
    for letter in "xy":
        desk.submit.speech(ANNA, NewJob(text=letter * 200_000))
    kept = desk.keys()
    with pytest.raises(QuotaExceeded):
        desk.submit.speech(ANNA, NewJob(text="z" * 200_000))
    assert desk.keys() == kept
    assert desk.jobs.usage(ANNA.user_id, "2026-11").characters == 400_000


def test_the_tier_chooses_the_lane(desk: Desk) -> None:
    assert desk.submit.speech(ANNA, NewJob(text="a")).job.lane == "standard"
    assert desk.submit.speech(BORIS, NewJob(text="a")).job.lane == "priority"


def finished(desk: Desk) -> Job:
    job = desk.submit.transcription(ANNA, NewJob(file=FILE)).job
    desk.arrive(desk.put(f"uploads/{ANNA.user_id}/{job.id}", wav()))
    claim = model.claim(now(desk, job), owner="w", message_id="m", lease=timedelta(seconds=60), now=desk.clock())
    desk.jobs.apply(claim)
    step = model.advance(
        claim.after, owner="w", lease=timedelta(seconds=60), now=desk.clock(), checkpoint=Checkpoint(1.0, 2)
    )
    desk.jobs.apply(step, chunk=Chunk(0, said("a", "b")))
    done = model.finish(step.after, owner="w", now=desk.clock())
    desk.jobs.apply(done)
    return done.after


def test_deleting_a_job_leaves_nothing(desk: Desk) -> None:
    job = finished(desk)
    desk.objects.put(RESULTS, f"speech/{ANNA.user_id}/{job.id}/1/audio.mp3", b"x", content_type="audio/mpeg")
    receipt = desk.remove(ANNA.user_id, Kind.TRANSCRIPTION, job.id)
    assert (receipt.objects, receipt.versions) == (2, 2)
    assert receipt.rows >= 2
    assert desk.keys() == []
    assert list(desk.jobs.segments(job.id)) == []
    with pytest.raises(NotFound):
        desk.remove(ANNA.user_id, Kind.TRANSCRIPTION, job.id)


def test_deleting_a_running_job_stops_it_first(desk: Desk) -> None:
    job = desk.submit.speech(ANNA, NewJob(text="Hello.")).job
    claim = model.claim(job, owner="w", message_id="m", lease=timedelta(seconds=60), now=desk.clock())
    desk.jobs.apply(claim)
    desk.remove(ANNA.user_id, Kind.SPEECH, job.id)
    assert desk.events == ["speech.queued", "speech.started", "speech.canceled"]


def test_a_job_of_another_user_cannot_be_deleted(desk: Desk) -> None:
    job = finished(desk)
    with pytest.raises(NotFound):
        desk.remove(BORIS.user_id, Kind.TRANSCRIPTION, job.id)
    assert now(desk, job) == job


def test_what_was_never_uploaded_expires(desk: Desk) -> None:
    job = desk.submit.transcription(ANNA, NewJob(file=FILE)).job
    sweep = SweepJobs(jobs=desk.jobs, lanes=Lanes(idle=True), clock=desk.clock)
    assert not sweep.due()
    desk.clock.move(hours=25)
    assert sweep.due() == {"expired": 1}
    after = now(desk, job)
    assert after.status is Status.EXPIRED
    assert after.error
    assert after.error.code == "upload_expired"
    assert not sweep.due()


def test_a_queued_job_whose_message_was_lost_is_sent_again(desk: Desk) -> None:
    desk.submit.speech(ANNA, NewJob(text="Hello."))
    desk.clock.move(minutes=16)
    assert SweepJobs(jobs=desk.jobs, lanes=Lanes(idle=True), clock=desk.clock).due() == {"dispatched": 1}
    assert [bool(e.dispatch) for e in desk.jobs.events] == [True, True]


def test_a_job_that_waits_in_a_busy_lane_is_left_alone(desk: Desk) -> None:
    desk.submit.speech(ANNA, NewJob(text="Hello."))
    desk.clock.move(minutes=16)
    assert SweepJobs(jobs=desk.jobs, lanes=Lanes(idle=False), clock=desk.clock).due() == {"postponed": 1}
    assert desk.events == ["speech.queued"]


def test_the_age_of_the_job_that_waits_longest_is_known_however_often_it_was_looked_at(desk: Desk) -> None:
    """Q-44"""
    sweep = SweepJobs(jobs=desk.jobs, lanes=Lanes(idle=False), clock=desk.clock)
    assert sweep.oldest() == 0
    desk.submit.speech(ANNA, NewJob(text="Hello."))
    desk.clock.move(minutes=16)
    desk.submit.speech(BORIS, NewJob(text="Hello."))
    assert sweep.due() == {"postponed": 1}
    desk.clock.move(minutes=1)
    assert sweep.oldest() == 17 * 60


def test_a_job_given_up_by_its_lane_has_failed(desk: Desk) -> None:
    """Q-23"""
    job = desk.submit.speech(ANNA, NewJob(text="Hello.")).job
    sweep = SweepJobs(jobs=desk.jobs, lanes=Lanes(idle=True), clock=desk.clock)
    claim = model.claim(job, owner="w", message_id="m", lease=timedelta(seconds=60), now=desk.clock())
    desk.jobs.apply(claim)
    assert sweep.dead(ANNA.user_id, Kind.SPEECH, job.id) is None, "its worker still lives"
    desk.clock.move(seconds=61)
    assert sweep.dead(ANNA.user_id, Kind.SPEECH, job.id) == "failed"
    error = now(desk, job).error
    assert error
    assert error.code == "worker_crashed"
    assert sweep.dead(ANNA.user_id, Kind.SPEECH, job.id) is None
    assert sweep.dead(ANNA.user_id, Kind.SPEECH, "job_none") is None


def test_a_job_that_was_handed_back_too_often_gets_a_new_message(desk: Desk) -> None:
    """Drains are no failures: the lane's count of receives knows no difference, the job's row does."""
    job = desk.submit.speech(ANNA, NewJob(text="Hello.")).job
    sweep = SweepJobs(jobs=desk.jobs, lanes=Lanes(idle=True), clock=desk.clock)
    assert sweep.dead(ANNA.user_id, Kind.SPEECH, job.id) == "dispatched"
    assert now(desk, job).status is Status.QUEUED
    assert [bool(e.dispatch) for e in desk.jobs.events] == [True, True]


def test_a_key_with_a_budget_pays_for_the_jobs_that_it_makes(desk: Desk) -> None:
    """PEERS 8: a text is quoted by its length; of a file nothing is known before it is there."""
    program = replace(ANNA, key_id="key_1", budget=1_000_000)
    quoting = Submit(
        jobs=desk.jobs,
        media=desk.media,
        objects=desk.objects,
        uploads_bucket=UPLOADS,
        clock=desk.clock,
        quote=lambda kind, lane, amount: amount / 1000 if kind is Kind.SPEECH else None,
    )
    spoken = quoting.speech(program, NewJob(text="x" * 50)).job
    assert spoken.budget == Budget("key_1", 1_000_000, 50_000)
    file = FileToCome("a.wav", "audio/wav", 1_000)
    assert quoting.transcription(program, NewJob(file=file)).job.budget == Budget("key_1", 1_000_000, 0)
    assert quoting.speech(ANNA, NewJob(text="y")).job.budget is None
    with pytest.raises(QuotaExceeded):
        quoting.speech(program, NewJob(text="z" * 951))
    assert desk.jobs.spent(ANNA.user_id, "2026-11", ["key_1"]) == {"key_1": 50_000}


def test_a_key_with_a_budget_retries_its_own_jobs_only(desk: Desk) -> None:
    """Else the job's cost would be on nobody's budget, or on another's."""
    mine, other = replace(ANNA, key_id="key_1", budget=1_000_000), replace(ANNA, key_id="key_2", budget=1_000_000)
    failed = model.fail(desk.submit.speech(mine, NewJob(text="x")).job, Failure("x", "y"), desk.clock()).after
    for caller in (mine, ANNA):
        assert retry_by(caller, desk.clock)(failed).after.budget == failed.budget
    with pytest.raises(Forbidden):
        retry_by(other, desk.clock)(failed)
    with pytest.raises(Forbidden):
        retry_by(mine, desk.clock)(replace(failed, budget=None))

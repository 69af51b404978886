"""Waiting for a job, with the clock in the test's hand."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from antiphon.engines.ports import Segment
from antiphon.platform.errors import Invalid, NotFound
from antiphon.speech import model
from antiphon.speech.follow import LAST_PAUSE, Follow
from antiphon.speech.hand_in import File, HandIn
from antiphon.speech.model import Checkpoint, Job, Status
from antiphon.speech.ports import Chunk, Mark, Numbered
from antiphon.speech.submit import NewJob
from tests.unit.speech.conftest import ANNA, UPLOADS, Desk, wav


def hand_in(desk: Desk) -> HandIn:
    return HandIn(submit=desk.submit, jobs=desk.jobs, objects=desk.objects, uploads_bucket=UPLOADS, clock=desk.clock)


def handed_in(desk: Desk, seed: str | None = None) -> Job:
    return hand_in(desk)(ANNA, File("talk.wav", wav()), NewJob(), seed).job


class Worker:
    """Does one step of the job in each pause of those who wait for it."""

    def __init__(self, desk: Desk, job: Job, *steps: str) -> None:
        self.desk, self.job, self.steps, self.pauses = desk, job, list(steps), []

    async def sleep(self, seconds: float) -> None:
        self.pauses: list[float]
        self.pauses.append(seconds)
        step = self.steps.pop(0) if self.steps else "finish"
        jobs, now = self.desk.jobs, self.desk.clock()
        job = jobs.get(ANNA.user_id, self.job.kind, self.job.id)
        assert job is not None
        lease: dict[str, Any] = {"owner": "w", "now": now}
        if step == "claim":
            jobs.apply(model.claim(job, message_id="m", lease=model.SWEEP_AFTER, **lease))
        elif step == "finish":
            jobs.apply(model.finish(job, duration=2.0, **lease))
        elif step == "delete":
            jobs.delete(job)
        elif step.startswith("speak"):
            index = job.checkpoint.count
            mark = Mark(index, step.removeprefix("speak "), index, index + 1.0, (), f"parts/{index}")
            done = Checkpoint(index + 1.0, index + 1)
            jobs.apply(model.advance(job, lease=model.SWEEP_AFTER, checkpoint=done, **lease), mark=mark)
        elif step.startswith("say"):
            first = job.checkpoint.count
            chunk = Chunk(first, (Segment(first, first + 1.0, step.removeprefix("say ")),))
            done = Checkpoint(first + 1.0, first + 1)
            jobs.apply(model.advance(job, lease=model.SWEEP_AFTER, checkpoint=done, **lease), chunk=chunk)


def test_a_file_at_hand_is_a_job_that_is_queued_at_once(desk: Desk) -> None:
    job = handed_in(desk)
    assert (job.status, job.title) == (Status.QUEUED, "talk.wav")
    assert job.source is not None
    assert (job.source.key, job.source.content_type) == (f"uploads/{ANNA.user_id}/{job.id}", "audio/wav")
    assert desk.events == ["transcription.queued"]


def test_what_the_bucket_tells_of_it_later_starts_nothing_more(desk: Desk) -> None:
    job = handed_in(desk)
    desk.arrive(desk.put(f"uploads/{ANNA.user_id}/{job.id}", wav()))
    assert desk.events == ["transcription.queued"]


def test_a_request_that_crashed_before_the_file_was_there_goes_on_with_the_same_job(desk: Desk) -> None:
    seed = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
    new = NewJob(file=None)
    waiting = desk.submit.transcription(ANNA, new, seed).job
    assert waiting.status is Status.AWAITING_UPLOAD
    assert (handed_in(desk, seed).id, handed_in(desk, seed).status) == (waiting.id, Status.QUEUED)
    assert desk.events == ["transcription.queued"]


def test_the_same_file_is_the_same_job_however_often_it_is_handed_in(desk: Desk) -> None:
    """PEERS 4.3: an SDK that repeats what it got no answer to sends no key."""
    assert len({handed_in(desk).id for _ in range(3)}) == 1
    assert desk.events == ["transcription.queued"]
    other = hand_in(desk)(ANNA, File("talk.wav", wav(3200)), NewJob())
    alone = hand_in(desk)(ANNA, File("talk.wav", wav()), NewJob(dedupe=False))
    assert len({handed_in(desk).id, other.job.id, alone.job.id}) == 3


def test_fifty_parallel_requests_with_one_file_are_one_job(desk: Desk) -> None:
    """PEERS 4.3: and one message, so one run of the engine."""
    with ThreadPoolExecutor(10) as pool:
        made = list(pool.map(lambda _: hand_in(desk)(ANNA, File("talk.wav", wav()), NewJob()), range(50)))
    (job_id,) = {submitted.job.id for submitted in made}
    assert {submitted.job.status for submitted in made} == {Status.QUEUED}
    assert [submitted.joined for submitted in made].count(False) == 1
    assert desk.events == ["transcription.queued"]
    assert desk.keys() == [f"uploads/{ANNA.user_id}/{job_id}"]


@pytest.mark.parametrize("body", [b"", b"A letter to you.\n" * 9])
def test_what_is_no_recording_is_refused_before_anything_is_made(desk: Desk, body: bytes) -> None:
    with pytest.raises(Invalid):
        hand_in(desk)(ANNA, File("talk.wav", body), NewJob())
    assert (desk.keys(), desk.events) == ([], [])


def test_each_segment_comes_once_and_in_order_and_at_last_the_job(desk: Desk) -> None:
    job = handed_in(desk)
    worker = Worker(desk, job, "claim", "say one", "wait", "say two", "say three")

    async def heard() -> list[Numbered | Job]:
        return [each async for each in Follow(desk.jobs, worker.sleep).segments(job)]

    *segments, last = asyncio.run(heard())
    assert [s.segment.text for s in segments if isinstance(s, Numbered)] == ["one", "two", "three"]
    assert isinstance(last, Job)
    assert last.status is Status.SUCCEEDED


def test_each_sentence_comes_before_the_next_is_spoken(desk: Desk) -> None:
    job = desk.submit.speech(ANNA, NewJob(text="One. Two. Three.")).job
    worker = Worker(desk, job, "claim", "speak One.", "wait", "speak Two.", "speak Three.")

    async def heard() -> list[tuple[str, int]]:
        """What was heard, and how much was left to be done then."""
        found = Follow(desk.jobs, worker.sleep).sentences(job)
        return [(each.text if isinstance(each, Mark) else each.status.value, len(worker.steps)) async for each in found]

    assert asyncio.run(heard()) == [("One.", 3), ("Two.", 1), ("Three.", 0), ("succeeded", 0)]


def test_a_job_that_moves_is_looked_at_more_often_than_one_that_waits(desk: Desk) -> None:
    job = handed_in(desk)
    worker = Worker(desk, job, *["wait"] * 30, "claim")
    ended = asyncio.run(Follow(desk.jobs, worker.sleep).ended(job))
    assert ended.duration == 2.0
    assert worker.pauses[29] == LAST_PAUSE
    assert worker.pauses[-1] < 0.2


def test_a_job_that_is_deleted_is_not_waited_for(desk: Desk) -> None:
    job = handed_in(desk)
    worker = Worker(desk, job, "delete")
    with pytest.raises(NotFound):
        asyncio.run(Follow(desk.jobs, worker.sleep).ended(job))

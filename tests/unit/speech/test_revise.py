from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from antiphon.engines.ports import Segment, Word
from antiphon.platform.errors import Invalid, NotFound
from antiphon.speech import model
from antiphon.speech.model import Checkpoint, Job
from antiphon.speech.ports import Chunk
from antiphon.speech.render import render
from antiphon.speech.revise import Revise, Revision
from antiphon.speech.submit import FileToCome, NewJob
from antiphon.speech.transcript import transcript_of
from tests.unit.speech.conftest import ANNA, BORIS, Desk, wav

HEARD = tuple(
    Segment(i, i + 0.5, text, (Word(text, i, i + 0.4, 0.9, speaker),), 0.9, speaker)
    for i, (text, speaker) in enumerate((("helo", "SPEAKER_00"), ("there", "SPEAKER_01"), ("anna", "SPEAKER_00")))
)


@pytest.fixture
def running(desk: Desk) -> Job:
    """A job two of whose chunks are stored."""
    job = desk.submit.transcription(ANNA, NewJob(file=FileToCome("talk.mp3", "audio/mpeg", 1000))).job
    desk.arrive(desk.put(f"uploads/{ANNA.user_id}/{job.id}", wav()))
    queued = found(desk, job)
    claim = model.claim(queued, owner="w", message_id="m", lease=timedelta(60), now=desk.clock())
    desk.jobs.apply(claim)
    for chunk in (Chunk(0, HEARD[:2]), Chunk(2, HEARD[2:])):
        now = found(desk, job)
        step = model.advance(
            now, owner="w", lease=timedelta(60), now=desk.clock(), checkpoint=Checkpoint(1.0, chunk.first + 1)
        )
        desk.jobs.apply(step, chunk=chunk)
    return found(desk, job)


@pytest.fixture
def revise(desk: Desk) -> Revise:
    return Revise(jobs=desk.jobs, clock=desk.clock)


def found(desk: Desk, job: Job) -> Job:
    now = desk.jobs.get(job.user_id, job.kind, job.id)
    assert now
    return now


def shown(desk: Desk, job: Job, format: str) -> str:
    return render(format, transcript_of(found(desk, job), desk.jobs.segments(job.id))).body


def test_names_and_corrections_show_in_every_format_and_what_was_heard_stays(
    desk: Desk, revise: Revise, running: Job
) -> None:
    revise(ANNA.user_id, running.id, Revision("Call", {"SPEAKER_00": "Anna"}, {0: "Hello"}))

    assert found(desk, running).title == "Call"
    assert shown(desk, running, "txt") == "[Anna]: Hello\n[SPEAKER_01]: there\n[Anna]: anna\n"
    assert "Anna" in shown(desk, running, "srt")
    first, second, _ = desk.jobs.segments(running.id)
    assert (first.segment.text, first.machine_text) == ("Hello", "helo")
    assert (second.segment.text, second.machine_text) == ("there", None)
    assert first.segment.words == HEARD[0].words
    assert next(desk.jobs.chunks(running.id)).segments == HEARD[:2]


def test_it_needs_no_queue_and_the_worker_goes_on(desk: Desk, revise: Revise, running: Job) -> None:
    dispatched = [e for e in desk.jobs.events if e.dispatch]
    revise(ANNA.user_id, running.id, Revision(texts={1: "here"}))

    assert [e for e in desk.jobs.events if e.dispatch] == dispatched
    assert desk.events[-1] == "transcription.updated"
    assert found(desk, running).lease_owner == "w"


def test_what_is_taken_back_is_the_engines_again(desk: Desk, revise: Revise, running: Job) -> None:
    revise(ANNA.user_id, running.id, Revision(speakers={"SPEAKER_00": "Anna"}, texts={0: "Hello", 2: "Anna"}))
    revise(ANNA.user_id, running.id, Revision(speakers={"SPEAKER_00": None}, texts={0: None, 2: "anna"}))

    assert shown(desk, running, "txt") == "[SPEAKER_00]: helo\n[SPEAKER_01]: there\n[SPEAKER_00]: anna\n"
    assert [n.machine_text for n in desk.jobs.segments(running.id)] == [None] * 3


def test_a_change_of_nothing_tells_nobody(desk: Desk, revise: Revise, running: Job) -> None:
    revise(ANNA.user_id, running.id, Revision(title="Call", speakers={"SPEAKER_00": "Anna"}))
    before = list(desk.jobs.events)
    revise(ANNA.user_id, running.id, Revision(title="Call", speakers={"SPEAKER_00": "Anna"}))

    assert desk.jobs.events == before


def test_a_segment_that_is_not_there_is_named_and_nothing_is_changed(desk: Desk, revise: Revise, running: Job) -> None:
    with pytest.raises(Invalid) as refused:
        revise(ANNA.user_id, running.id, Revision("Call", {}, {1: "x", 7: "y"}))

    assert [f.field for f in refused.value.fields] == ["segments.1.index"]
    assert found(desk, running) == running


def test_another_persons_transcription_is_not_there(desk: Desk, revise: Revise, running: Job) -> None:
    """A-41"""
    with pytest.raises(NotFound):
        revise(BORIS.user_id, running.id, Revision("Mine"))


def test_a_job_has_only_so_many_names(desk: Desk, revise: Revise, running: Job) -> None:
    for first in (0, 25):
        names = {f"SPEAKER_{n:02}": "x" for n in range(first, first + 25)}
        revise(ANNA.user_id, running.id, Revision(speakers=names))
    with pytest.raises(Invalid):
        revise(ANNA.user_id, running.id, Revision(speakers={"SPEAKER_99": "x"}))


def test_two_who_revise_at_once_both_count(desk: Desk, running: Job) -> None:
    """Each sees the job as it was before the other's change, and neither's is lost."""

    class Slow:
        """Lets another person in between reading and writing."""

        def __init__(self) -> None:
            self.met = False

        def __getattr__(self, name: str):
            return getattr(desk.jobs, name)

        def apply(self, change, **with_it) -> None:
            if not self.met:
                self.met = True
                Revise(jobs=desk.jobs, clock=desk.clock)(ANNA.user_id, running.id, Revision(texts={0: "Hello"}))
            desk.jobs.apply(change, **with_it)

    Revise(jobs=Slow(), clock=desk.clock)(ANNA.user_id, running.id, Revision(texts={1: "here"}))

    assert [n.segment.text for n in desk.jobs.segments(running.id)] == ["Hello", "here", "anna"]


def test_the_text_survives_that_speakers_are_assigned_later(desk: Desk, revise: Revise, running: Job) -> None:
    revise(ANNA.user_id, running.id, Revision(texts={0: "Hello"}))
    again = tuple(replace(s, speaker="SPEAKER_05") for s in HEARD[:2])
    step = model.advance(found(desk, running), owner="w", lease=timedelta(60), now=desk.clock())
    desk.jobs.apply(step, chunk=Chunk(0, again))

    assert [(n.segment.text, n.segment.speaker) for n in desk.jobs.segments(running.id)][:2] == [
        ("Hello", "SPEAKER_05"),
        ("there", "SPEAKER_05"),
    ]

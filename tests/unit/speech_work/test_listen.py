"""A speech that is heard while it is made."""

from __future__ import annotations

import io
import wave
from datetime import timedelta
from typing import Any

import pytest

from antiphon.platform.errors import NotFound
from antiphon.speech import model
from antiphon.speech.listen import PARTS_FOR, Listen, Part
from antiphon.speech.model import Failure, Status
from antiphon.work.lease import Drained
from tests.unit.speech_work.conftest import RESULTS, Desk
from tests.unit.speech_work.test_synthesize import SENTENCES, TEXT, at
from tests.unit.work.conftest import USER


def listener(desk: Desk, clock: Any) -> Listen:
    return Listen(
        jobs=desk.store,
        objects=desk.objects,
        results_bucket=RESULTS,
        clock=clock,
        pause=lambda seconds: clock.move(seconds=seconds),
    )


def samples(wav: bytes) -> bytes:
    with wave.open(io.BytesIO(wav)) as file:
        return file.readframes(file.getnframes())


def test_each_sentence_can_be_heard_before_the_next_is_spoken(desk: Desk, clock: Any) -> None:
    job, listen = desk.text(TEXT), listener(desk, clock)
    heard: list[Part] = []

    def take(_: str) -> None:
        _job, marks = listen.marks(USER, job.id, after=len(heard) - 1)
        heard.extend(listen.parts(USER, job.id, after=len(heard) - 1, until=clock()))
        assert [m.index for m in marks] == [p.mark.index for p in heard[-len(marks) :] if marks]

    desk.speaker.before = take
    done = desk.run(job)
    assert [p.mark.text for p in heard] == SENTENCES[:2]
    heard.extend(listen.parts(USER, job.id, after=1, until=clock()))
    assert [p.mark.index for p in heard] == [0, 1, 2]
    assert b"".join(p.samples for p in heard) == samples(desk.audio(done))


def test_who_listens_waits_for_the_next_sentence_and_gets_the_job_at_the_end(desk: Desk, clock: Any) -> None:
    job, listen = desk.text(TEXT), listener(desk, clock)
    began = clock()
    assert listen.marks(USER, job.id, wait=3)[1] == ()
    assert clock() - began == timedelta(seconds=3)
    parts = listen.parts(USER, job.id, until=clock() + timedelta(hours=1))
    listen._pause = lambda _: desk.run(job) and None
    assert next(parts).mark.text == SENTENCES[0]
    assert [next(parts).mark.index for _ in range(2)] == [1, 2]
    with pytest.raises(StopIteration) as end:
        next(parts)
    assert end.value.value.status is Status.SUCCEEDED


def test_waiting_ends_with_a_job_that_fails(desk: Desk, clock: Any) -> None:
    job, listen = desk.text(TEXT), listener(desk, clock)

    def give_up(_: float) -> None:
        desk.store.apply(model.fail(desk.now(job), Failure("broken", "It broke."), clock()))

    listen._pause = give_up
    ended, marks = listen.marks(USER, job.id, wait=20)
    assert (ended.status, marks) == (Status.FAILED, ())


def test_what_an_attempt_left_that_was_cut_otherwise_is_not_heard(desk: Desk, clock: Any) -> None:
    job, listen = desk.text(TEXT), listener(desk, clock)
    at(desk, SENTENCES[1], desk.stopping.set)
    with pytest.raises(Drained):
        desk.run(job)
    desk.stopping.clear()
    assert len(listen.marks(USER, job.id)[1]) == 2
    seen: list[Any] = []
    desk.speaker.name = "speaker 2"
    desk.speaker.before = lambda _: seen.append(listen.marks(USER, job.id)[1])
    clock.move(seconds=61)
    done = desk.run(job, "the next")
    assert [len(marks) for marks in seen] == [0, 1, 2]
    assert (done.engine, done.checkpoint.count) == ("speaker 2", 3)


def test_a_sentence_is_playable_as_long_as_its_audio_is_kept(desk: Desk, clock: Any) -> None:
    job, listen = desk.run(desk.text(TEXT)), listener(desk, clock)
    (mark, *_) = listen.marks(USER, job.id)[1]
    assert listen.playable(job, mark)
    clock.move(seconds=PARTS_FOR.total_seconds())
    assert not listen.playable(job, mark)
    desk.objects.delete_prefix(RESULTS, "parts/")
    with pytest.raises(NotFound):
        next(listen.parts(USER, job.id, until=clock()))


def test_there_is_nothing_to_hear_of_others(desk: Desk, clock: Any) -> None:
    job = desk.text(TEXT)
    with pytest.raises(NotFound):
        listener(desk, clock).marks("usr_other", job.id)

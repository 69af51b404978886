"""The steps of a transcription as jobs of their own, from the request to the result."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from antiphon.engines.ports import Segment, TranscriptionOptions, Word
from antiphon.media.items_memory import MemoryMediaStore
from antiphon.platform.errors import Conflict, EngineError, NotFound
from antiphon.platform.request import Caller
from antiphon.speech.metering import contribution
from antiphon.speech.model import Job, Kind, Source, Status
from antiphon.speech.remove import Remove
from antiphon.speech.step_work import AlignText, AssignSpeakers, ByKind, Inputs, TellApart
from antiphon.speech.steps import Given, SubmitStep
from antiphon.speech.submit import FileToCome, NewJob
from tests.unit.speech_work.conftest import RESULTS, UPLOADS, Crowd, Desk
from tests.unit.speech_work.test_transcribe import Killed
from tests.unit.work.conftest import USER

ME = Caller(USER, "free")
SAID = [{"start": float(n), "end": n + 0.5, "text": f"word {n}"} for n in range(120)]


class Ruler:
    """Gives each word of a segment the same share of it; ``between`` is called before each call."""

    name = "ruler 1"
    languages = frozenset({"en"})

    def __init__(self) -> None:
        self.between: Any = lambda: None
        self.aligned: list[str] = []

    def warm_up(self) -> None:
        return

    def align(
        self, segments: Sequence[Segment], audio: np.ndarray, language: str, options: TranscriptionOptions
    ) -> tuple[Segment, ...]:
        self.between()
        self.aligned += [segment.text for segment in segments]
        return tuple(replace(s, words=tuple(Word(w, s.start, s.end, 0.5) for w in s.text.split())) for s in segments)


@pytest.fixture
def ruler() -> Ruler:
    return Ruler()


@pytest.fixture
def crowd() -> Crowd:
    return Crowd()


@pytest.fixture
def submit(desk: Desk) -> SubmitStep:
    return SubmitStep(
        jobs=desk.store, media=MemoryMediaStore(), objects=desk.objects, uploads_bucket=UPLOADS, clock=desk.clock
    )


@pytest.fixture(autouse=True)
def work(desk: Desk, ruler: Ruler, crowd: Crowd) -> None:
    desk.transcribe, desk.synthesize = works(desk, ruler, crowd), works(desk, ruler, crowd)  # type: ignore[assignment]


def works(desk: Desk, aligner: Ruler | None, diarizer: Crowd | None) -> ByKind:
    common = {"store": desk.store, "recordings": desk.recordings, "clock": desk.clock}
    inputs = Inputs(desk.store, desk.objects)
    return ByKind(
        {
            Kind.TRANSCRIPTION: desk.transcribe,
            Kind.ALIGNMENT: AlignText(inputs=inputs, aligner=aligner, **common),
            Kind.DIARIZATION: TellApart(diarizer=diarizer, **common),
            Kind.ASSIGNMENT: AssignSpeakers(store=desk.store, inputs=inputs, clock=desk.clock),
        }
    )


def results(desk: Desk, job: Job) -> list[Segment]:
    return [numbered.segment for numbered in desk.store.segments(job.id)]


def transcribed(desk: Desk) -> Job:
    return desk.run(desk.recording())


def test_a_text_is_aligned_to_the_recording_of_its_transcription(desk: Desk, submit: SubmitStep, ruler: Ruler) -> None:
    told = transcribed(desk)
    job = submit(Kind.ALIGNMENT, ME, NewJob(options={"language": "en"}), Given(transcription_id=told.id))
    done = desk.run(job)

    assert (done.status, done.engine, done.language, done.duration) == (Status.SUCCEEDED, "ruler 1", "en", 90.0)
    assert [w.word for w in results(desk, done)[0].words] == ["chunk", "1"]
    assert (done.source, done.result) == (told.source, {"segments": 3})
    assert contribution(done).storage_bytes == 0
    assert contribution(done).audio_ms == 90_000
    assert desk.events(done, "succeeded") == 1


@pytest.mark.parametrize("call", [1, 2, 3])
def test_what_is_aligned_is_not_aligned_again(
    desk: Desk, submit: SubmitStep, ruler: Ruler, clock: Any, call: int
) -> None:
    """Q-22"""
    count = 0

    def die() -> None:
        nonlocal count
        count += 1
        if count == call:
            raise Killed

    ruler.between = die
    told = transcribed(desk)
    job = submit(Kind.ALIGNMENT, ME, NewJob(), Given(segments=SAID, transcription_id=told.id))
    with pytest.raises(Killed):
        desk.run(job)
    clock.move(seconds=61)
    done = desk.run(job, "the next")

    assert [s.text for s in results(desk, done)] == ruler.aligned == [s["text"] for s in SAID]


def test_who_speaks_is_a_result_of_its_own(desk: Desk, submit: SubmitStep, crowd: Crowd) -> None:
    told = transcribed(desk)
    job = submit(Kind.DIARIZATION, ME, NewJob(options={"num_speakers": 2}), Given(transcription_id=told.id))
    done = desk.run(job)

    assert [(s.start, s.end, s.speaker) for s in results(desk, done)] == [
        (0.0, 30.0, "SPEAKER_00"),
        (30.0, 60.0, "SPEAKER_01"),
        (60.0, 90.0, "SPEAKER_00"),
    ]
    assert done.result == {"turns": 3, "speakers": ["SPEAKER_00", "SPEAKER_01"]}
    assert (done.engine, crowd.asked[0][1].exact) == ("crowd 1", 2)


def test_turns_are_laid_over_a_text_without_a_recording(desk: Desk, submit: SubmitStep) -> None:
    told = transcribed(desk)
    apart = desk.run(submit(Kind.DIARIZATION, ME, NewJob(), Given(transcription_id=told.id)))
    given = Given(transcription_id=told.id, diarization_id=apart.id)
    done = desk.run(submit(Kind.ASSIGNMENT, ME, NewJob(), given))

    assert [s.speaker for s in results(desk, done)] == ["SPEAKER_00", "SPEAKER_01", "SPEAKER_00"]
    assert {w.speaker for w in results(desk, done)[1].words} == {"SPEAKER_01"}
    assert contribution(done).audio_ms == 0


def test_inputs_may_come_with_the_request(desk: Desk, submit: SubmitStep) -> None:
    turns = [{"start": 0.0, "end": 60.2, "speaker": "Anna"}]
    words = [{"word": "word", "start": 0.0, "end": 0.2, "score": None}]
    given = Given(segments=[{**SAID[0], "words": words}, *SAID[1:]], turns=turns)
    job = submit(Kind.ASSIGNMENT, ME, NewJob(options={"fill_nearest": False}), given)
    assert json.loads(desk.objects.read(UPLOADS, f"texts/{USER}/{job.id}.json"))["turns"] == turns
    done = desk.run(job)

    found = results(desk, done)
    assert [s.speaker for s in found] == ["Anna"] * 61 + [None] * 59
    assert found[0].words[0].speaker == "Anna"
    receipt = Remove(
        jobs=desk.store, objects=desk.objects, uploads_bucket=UPLOADS, results_bucket=RESULTS, clock=desk.clock
    )(USER, Kind.ASSIGNMENT, job.id)
    assert receipt.objects == 1
    assert desk.keys(UPLOADS) == []


@pytest.mark.parametrize("kind", [Kind.ALIGNMENT, Kind.DIARIZATION])
def test_a_step_that_is_not_configured_fails_at_once(desk: Desk, submit: SubmitStep, kind: Kind) -> None:
    """Q-24"""
    told = transcribed(desk)
    desk.synthesize = works(desk, None, None)  # type: ignore[assignment]
    with pytest.raises(EngineError) as raised:
        desk.run(submit(kind, ME, NewJob(), Given(transcription_id=told.id)))
    assert (raised.value.code, raised.value.retryable) == ("not_configured", False)


def test_what_a_step_works_on_must_be_there_and_be_ones_own(desk: Desk, submit: SubmitStep) -> None:
    told = desk.recording()
    with pytest.raises(Conflict):
        submit(Kind.ALIGNMENT, ME, NewJob(), Given(transcription_id=told.id))
    with pytest.raises(NotFound):
        submit(Kind.ALIGNMENT, Caller("usr_other", "free"), NewJob(), Given(transcription_id=told.id))
    with pytest.raises(NotFound):
        submit(Kind.ASSIGNMENT, ME, NewJob(), Given(segments=SAID, diarization_id=told.id))


def test_a_recording_may_be_uploaded_for_a_step(desk: Desk, submit: SubmitStep) -> None:
    file = FileToCome("talk.mp3", "audio/mpeg", 1000)
    job = submit(Kind.DIARIZATION, ME, NewJob(file=file), Given())
    assert job.status is Status.AWAITING_UPLOAD
    assert submit.upload(job)


def test_deleting_a_step_leaves_the_recording_that_it_borrowed(desk: Desk, submit: SubmitStep) -> None:
    told = transcribed(desk)
    assert told.source
    key = f"inbox/{USER}/talk.mp3"
    desk.objects.put(UPLOADS, key, b"a recording", content_type="audio/mpeg")
    desk.edit(told, source=Source(UPLOADS, key, None, "1", 11))
    job = submit(Kind.DIARIZATION, ME, NewJob(), Given(transcription_id=told.id))
    Remove(jobs=desk.store, objects=desk.objects, uploads_bucket=UPLOADS, results_bucket=RESULTS, clock=desk.clock)(
        USER, Kind.DIARIZATION, job.id
    )
    assert key in desk.keys(UPLOADS)

"""Who speaks, after all that was said is there."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.engines.ports import Segment, Speakers, Turn, Word
from antiphon.platform.errors import EngineError
from antiphon.speech import model
from antiphon.speech.model import Job, Status
from antiphon.speech.speakers import Turns
from antiphon.speech.transcribe import NO_DIARIZER
from antiphon.work.lease import Drained
from tests.unit.speech_work.conftest import Crowd, Desk
from tests.unit.speech_work.test_transcribe import WHOLE, Killed, transcript


@pytest.fixture
def crowd(desk: Desk) -> Crowd:
    found = Crowd()
    desk.transcribe = desk.transcriber(found)
    return found


def speakers(desk: Desk, job: Job) -> list[str | None]:
    return [n.segment.speaker for n in desk.store.segments(job.id)]


def test_segments_are_there_at_once_and_have_their_speakers_at_the_end(desk: Desk, crowd: Crowd) -> None:
    job = desk.recording(diarize=True, max_speakers=4)
    seen: list[tuple[list[str | None], str | None, int]] = []
    crowd.between = lambda: seen.append((speakers(desk, job), desk.now(job).stage, desk.now(job).progress))
    done = desk.run(job)

    assert transcript(desk, done) == WHOLE
    assert [stage for _, stage, _ in seen] == ["diarizing"] * 3
    assert [before for before, _, _ in seen] == [[None] * 3] * 3
    assert [percent for _, _, percent in seen] == [80, 84, 89]
    assert speakers(desk, done) == ["SPEAKER_00", "SPEAKER_01", "SPEAKER_00"]
    assert {w.speaker for w in next(desk.store.segments(job.id)).segment.words} == {"SPEAKER_00"}
    assert done.result == {"segments": 3, "speakers": ["SPEAKER_00", "SPEAKER_01"]}
    assert "diarize_ms" in done.timings
    assert crowd.asked == [(90 * 16_000, Speakers(None, None, 4))]


def test_it_is_skipped_where_nobody_asked(desk: Desk, crowd: Crowd) -> None:
    done = desk.run(desk.recording())
    assert (crowd.asked, done.warnings, speakers(desk, done)) == ([], (), [None] * 3)


@pytest.mark.parametrize("asked", [{"diarize": True}, {"num_speakers": 2}])
def test_where_it_is_not_configured_the_transcript_says_so(desk: Desk, asked: dict[str, Any]) -> None:
    done = desk.run(desk.recording(**asked))
    assert (done.status, done.warnings) == (Status.SUCCEEDED, (NO_DIARIZER,))


@pytest.mark.parametrize("step", [1, 2, 3])
def test_a_worker_that_dies_while_it_tells_speakers_apart_hears_nothing_twice(
    desk: Desk, crowd: Crowd, clock: Any, step: int
) -> None:
    """Q-22"""
    count = 0

    def die() -> None:
        nonlocal count
        count += 1
        if count == step:
            raise Killed

    job = desk.recording(diarize=True)
    crowd.between = die
    with pytest.raises(Killed):
        desk.run(job)
    clock.move(seconds=61)
    done = desk.run(job, "the next")

    assert desk.listener.heard == [30.0, 60.0, 90.0]
    assert transcript(desk, done) == WHOLE
    assert speakers(desk, done) == ["SPEAKER_00", "SPEAKER_01", "SPEAKER_00"]


def test_a_worker_that_dies_between_two_assignments_leaves_what_the_next_one_writes_again(
    desk: Desk, crowd: Crowd, clock: Any
) -> None:
    """Q-22"""
    job, apply, count = desk.recording(diarize=True), desk.store.apply, 0

    def dies_at_the_second(change: model.Change, **more: Any) -> None:
        nonlocal count
        count += change.after.stage == "assigning"
        if count == 2:
            raise Killed
        apply(change, **more)

    desk.store.apply = dies_at_the_second  # type: ignore[method-assign]
    with pytest.raises(Killed):
        desk.run(job)
    desk.store.apply = apply  # type: ignore[method-assign]
    assert speakers(desk, job) == ["SPEAKER_00", None, None]
    clock.move(seconds=61)
    done = desk.run(job, "the next")

    assert speakers(desk, done) == ["SPEAKER_00", "SPEAKER_01", "SPEAKER_00"]
    assert desk.listener.heard == [30.0, 60.0, 90.0]


def test_a_worker_that_drains_leaves_in_the_middle_of_it(desk: Desk, crowd: Crowd) -> None:
    """Q-30"""
    job = desk.recording(diarize=True)
    crowd.between = desk.stopping.set
    with pytest.raises(Drained):
        desk.run(job)
    assert transcript(desk, job) == WHOLE


def test_a_card_that_is_full_is_told_as_what_may_pass(desk: Desk, crowd: Crowd) -> None:
    """Q-24"""

    def full() -> None:
        raise EngineError("The card is full", code="gpu_out_of_memory", retryable=True)

    crowd.between = full
    with pytest.raises(EngineError) as raised:
        desk.run(desk.recording(diarize=True))
    assert raised.value.retryable


def test_a_name_given_meanwhile_stays(desk: Desk, crowd: Crowd) -> None:
    job = desk.recording(diarize=True)
    crowd.between = lambda: desk.edit(job, speakers={"SPEAKER_00": "Anna"})
    assert desk.run(job).speakers == {"SPEAKER_00": "Anna"}


def test_who_speaks_longest_in_a_word_says_it() -> None:
    turns = Turns([Turn(0, 1.2, "A"), Turn(1.0, 2.0, "B"), Turn(5.0, 6.0, "A")])
    words = (Word("one", 0.5, 1.1), Word("two", 1.1, 1.9), Word("gap", 2.5, 2.6))
    (segment,) = turns.assign([Segment(0.5, 2.6, "one two gap", words)])

    assert [w.speaker for w in segment.words] == ["A", "B", "B"]
    assert segment.speaker == "B"
    assert turns.assign([Segment(3.0, 4.0, "nobody")])[0].speaker is None
    assert turns.assign([Segment(3.9, 4.9, "nobody")], nearest=True)[0].speaker == "A"
    assert turns.speakers == ("A", "B")


times = st.integers(0, 200).map(lambda n: n / 10)
spans = st.tuples(times, times).map(sorted)


@given(st.lists(st.tuples(spans, st.sampled_from("ABC")), max_size=12), spans)
def test_it_is_the_one_with_the_most_time_whatever_overlaps(
    made: list[tuple[list[float], str]], span: list[float]
) -> None:
    turns = [Turn(start, end, who) for (start, end), who in made]
    shares = {
        who: sum(max(0.0, min(t.end, span[1]) - max(t.start, span[0])) for t in turns if t.speaker == who)
        for who in "ABC"
    }
    found = Turns(turns).speaker(*span)
    assert (found is None) == (max(shares.values()) == 0)
    if found:
        assert shares[found] == pytest.approx(max(shares.values()))

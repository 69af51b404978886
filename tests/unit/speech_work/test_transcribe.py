"""One claimed transcription, chunk by chunk."""

from __future__ import annotations

from typing import Any

import pytest

from antiphon.platform.errors import LeaseLost, MediaError, NotFound
from antiphon.speech import model
from antiphon.speech.model import Checkpoint, Job, Status
from antiphon.work.lease import Drained
from tests.unit.speech_work.conftest import UPLOADS, Desk
from tests.unit.work.conftest import USER


def transcript(desk: Desk, job: Job) -> list[tuple[int, str]]:
    return [(n.index, n.segment.text) for n in desk.store.segments(job.id)]


WHOLE = [(0, "chunk 1"), (1, "chunk 2"), (2, "chunk 3")]


class Killed(BaseException):
    """As by SIGKILL: no handler of ours sees it."""


def at(desk: Desk, chunk: int, do: Any) -> None:
    """do, while that chunk is computed; chunks count from 1."""
    count = 0

    def between() -> None:
        nonlocal count
        count += 1
        if count == chunk:
            do()

    desk.listener.between = between


def test_a_recording_becomes_segments_with_all_that_is_known_of_it(desk: Desk) -> None:
    desk.decoder.warnings = ("The recording is cut short.",)
    job = desk.run(desk.recording(beam_size=3))
    assert transcript(desk, job) == WHOLE
    assert (job.status, job.progress, job.language, job.engine) == (Status.SUCCEEDED, 100, "en", "listener 1")
    assert job.duration == 90.0
    assert job.result == {"segments": 3}
    assert job.warnings == ("This engine knows no beams.", "The recording is cut short.")
    assert set(job.timings) == {"queued_ms", "download_ms", "decode_ms", "transcribe_ms"}
    assert (job.lease_owner, job.message_id) == (None, None)


def test_silence_succeeds_without_a_segment(desk: Desk) -> None:
    desk.listener.silent = True
    job = desk.run(desk.recording())
    assert (job.status, job.result, transcript(desk, job)) == (Status.SUCCEEDED, {"segments": 0}, [])


def test_each_chunk_is_stored_before_the_next_is_computed(desk: Desk) -> None:
    job = desk.recording()
    seen: list[tuple[int, Checkpoint, int]] = []
    desk.listener.between = lambda: seen.append(
        (len(transcript(desk, job)), desk.now(job).checkpoint, desk.now(job).progress)
    )
    desk.run(job)
    assert seen == [(0, Checkpoint(), 0), (1, Checkpoint(30.0, 1), 33), (2, Checkpoint(60.0, 2), 66)]


def test_a_length_that_the_file_does_not_tell_leaves_progress_at_zero(desk: Desk) -> None:
    desk.decoder.duration = None
    job = desk.recording()
    seen: list[int] = []
    desk.listener.between = lambda: seen.append(desk.now(job).progress)
    assert desk.run(job).duration == 90.0
    assert seen == [0, 0, 0]


@pytest.mark.parametrize("chunk", [1, 2, 3])
def test_a_worker_that_dies_in_any_chunk_costs_that_chunk_alone(desk: Desk, clock: Any, chunk: int) -> None:
    """Q-22"""
    job = desk.recording()

    def die() -> None:
        raise Killed

    at(desk, chunk, die)
    with pytest.raises(Killed):
        desk.run(job)
    clock.move(seconds=61)
    done = desk.run(job, "the next")
    assert transcript(desk, done) == WHOLE
    assert (done.status, done.attempts, done.result) == (Status.SUCCEEDED, 2, {"segments": 3})
    assert desk.listener.heard == [30.0, 60.0, 90.0]
    assert desk.listener.asked[1][1] == 30.0 * (chunk - 1)
    assert desk.decoder.opened[1] == (b"a recording", 30.0 * (chunk - 1))


def test_a_resumed_job_keeps_the_language_that_was_detected(desk: Desk, clock: Any) -> None:
    job = desk.recording()
    at(desk, 2, desk.stopping.set)
    with pytest.raises(Drained):
        desk.run(job)
    desk.stopping.clear()
    desk.store.apply(model.hand_back(desk.now(job), owner="me", now=clock()))
    desk.run(job, "the next")
    assert [options.language for options, _ in desk.listener.asked] == [None, "en"]


def test_a_worker_that_drains_stops_after_the_chunk_under_way(desk: Desk) -> None:
    """Q-30"""
    job = desk.recording()
    at(desk, 2, desk.stopping.set)
    with pytest.raises(Drained):
        desk.run(job)
    assert desk.listener.heard == [30.0, 60.0]
    assert desk.now(job).checkpoint == Checkpoint(60.0, 2)


def test_a_worker_that_drains_does_not_even_download(desk: Desk) -> None:
    """Q-30"""
    job = desk.recording()
    desk.stopping.set()
    with pytest.raises(Drained):
        desk.run(job)
    assert desk.decoder.opened == []


@pytest.mark.parametrize("how", ["canceled", "taken over", "deleted"])
def test_a_job_that_is_taken_away_stops_within_one_chunk_and_is_not_written(desk: Desk, clock: Any, how: str) -> None:
    """Q-13"""
    job = desk.recording()
    before: list[Any] = []

    def take_away() -> None:
        if how == "canceled":
            desk.store.apply(model.cancel(desk.now(job), clock()))
        elif how == "taken over":
            clock.move(seconds=61)
            desk.claim(job, "another")
        else:
            desk.store.delete(desk.now(job))
        before.extend((desk.store.get(job.user_id, job.kind, job.id), transcript(desk, job), len(desk.store.events)))

    at(desk, 2, take_away)
    with pytest.raises(LeaseLost):
        desk.run(job)
    assert desk.listener.heard == [30.0, 60.0]
    after = [desk.store.get(job.user_id, job.kind, job.id), transcript(desk, job), len(desk.store.events)]
    assert after == before


def test_a_lost_message_is_noticed_after_the_chunk_under_way(desk: Desk) -> None:
    """Q-14"""
    job = desk.recording()
    at(desk, 2, lambda: desk.heartbeat.lost.set())
    with pytest.raises(LeaseLost):
        desk.run(job)
    assert desk.listener.heard == [30.0, 60.0]


def test_a_title_that_is_changed_meanwhile_is_kept_and_nothing_is_computed_twice(desk: Desk) -> None:
    job = desk.recording()
    at(desk, 2, lambda: desk.edit(job, title="Minutes", metadata={"room": "4"}))
    done = desk.run(job)
    assert (done.status, done.title, done.metadata) == (Status.SUCCEEDED, "Minutes", {"room": "4"})
    assert desk.listener.heard == [30.0, 60.0, 90.0]
    assert transcript(desk, done) == WHOLE


def test_a_heartbeat_in_a_chunk_does_not_make_the_write_stale(desk: Desk, clock: Any) -> None:
    job = desk.recording()
    at(desk, 2, lambda: desk.store.renew(desk.now(job), clock.move(seconds=90)))
    assert desk.run(job).status is Status.SUCCEEDED


def test_progress_is_told_twice_a_second_at_most(desk: Desk, clock: Any) -> None:
    desk.listener.chunks = 100
    desk.decoder.duration = 3000.0
    desk.listener.between = lambda: clock.move(milliseconds=100) and None
    job = desk.run(desk.recording())
    assert len(transcript(desk, job)) == 100
    assert desk.events(job, "progress") == 20
    assert desk.events(job, "succeeded") == 1


def test_what_is_no_recording_is_put_aside_with_the_reason(desk: Desk) -> None:
    desk.decoder.error = MediaError("This is a picture.", code="unsupported_media")
    job = desk.recording()
    with pytest.raises(MediaError) as caught:
        desk.run(job)
    assert caught.value.code == "unsupported_media"
    aside = f"rejected/{USER}/{job.id}"
    assert desk.keys(UPLOADS) == [aside]
    assert desk.objects.objects[UPLOADS, aside].metadata == {"reason": "unsupported_media"}


def test_a_worker_that_dies_while_it_puts_something_aside_leaves_the_reason(
    desk: Desk, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Q-20: the next attempt finds no object, and still says what was wrong with it."""
    desk.decoder.error = MediaError("This is a picture.", code="unsupported_media")
    job = desk.recording()
    move = desk.objects.move

    def move_and_die(*where: Any, **how: Any) -> None:
        move(*where, **how)
        raise Killed

    monkeypatch.setattr(desk.objects, "move", move_and_die)
    with pytest.raises(Killed):
        desk.run(job)
    monkeypatch.undo()
    clock.move(seconds=61)
    with pytest.raises(MediaError, match="picture") as caught:
        desk.run(job, "the next")
    assert caught.value.code == "unsupported_media"
    assert desk.keys(UPLOADS) == [f"rejected/{USER}/{job.id}"]
    assert len(desk.decoder.opened) == 1


def test_a_damaged_recording_stays_where_it_is(desk: Desk) -> None:
    """It is what its owner uploaded, and a retry may look at it again."""
    desk.decoder.error = MediaError("It cannot be read.", code="undecodable_media")
    job = desk.recording()
    with pytest.raises(MediaError):
        desk.run(job)
    assert desk.keys(UPLOADS) == [f"uploads/{USER}/{job.id}"]


def test_a_recording_that_is_gone_is_said_to_be_gone(desk: Desk) -> None:
    job = desk.recording()
    desk.objects.delete_prefix(UPLOADS, "")
    with pytest.raises(NotFound):
        desk.run(job)


def test_the_version_that_arrived_is_the_one_that_is_read(desk: Desk) -> None:
    """A later put of the same key is not ours."""
    job = desk.recording()
    assert job.source
    desk.objects.put(UPLOADS, job.source.key, b"another one", content_type="audio/wav")
    with pytest.raises(NotFound):
        desk.run(job)


def test_what_was_prepared_is_used(desk: Desk) -> None:
    job = desk.recording()
    prepared = desk.transcribe.prepare(job)
    assert desk.decoder.opened == [(b"a recording", 0.0)]
    assert desk.run(job, prepared=prepared).status is Status.SUCCEEDED
    assert len(desk.decoder.opened) == 1


def test_what_was_prepared_for_another_position_is_thrown_away(desk: Desk, clock: Any) -> None:
    """Another worker went on with the job while it waited here."""
    job = desk.recording()
    prepared = desk.transcribe.prepare(job)
    at(desk, 2, desk.stopping.set)
    with pytest.raises(Drained):
        desk.run(job)
    desk.stopping.clear()
    desk.store.apply(model.hand_back(desk.now(job), owner="me", now=clock()))
    done = desk.run(job, "the next", prepared)
    assert transcript(desk, done) == WHOLE
    assert [start for _, start in desk.decoder.opened] == [0.0, 0.0, 60.0]


def test_preparing_what_cannot_be_read_is_told_when_the_job_runs(desk: Desk) -> None:
    desk.decoder.error = MediaError("It cannot be read.")
    job = desk.recording()
    prepared = desk.transcribe.prepare(job)
    with pytest.raises(MediaError):
        desk.run(job, prepared=prepared)


def test_discarding_closes_the_decoder_and_removes_the_file(desk: Desk) -> None:
    prepared = desk.transcribe.prepare(desk.recording())
    assert desk.decoder.open == 1
    assert len(list(desk.folder.iterdir())) == 1
    desk.transcribe.discard(prepared)
    desk.transcribe.discard(prepared)


def test_the_time_that_is_left_is_told_while_a_job_runs_and_only_then(desk: Desk) -> None:
    seen: list[float | None] = []
    desk.listener.between = lambda: seen.append(desk.transcribe.remaining())
    desk.run(desk.recording())
    assert all(left is not None for left in seen)
    assert seen == sorted(seen, reverse=True)  # type: ignore[type-var]
    assert desk.transcribe.remaining() is None


def test_options_reach_the_engine_and_what_it_does_not_know_is_left_out(desk: Desk) -> None:
    desk.run(desk.recording(language="de", vad={"onset": 0.4}, title="not an option"))
    options, _ = desk.listener.asked[0]
    assert (options.language, options.vad.onset) == ("de", 0.4)

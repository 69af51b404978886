"""Two jobs for the same bytes and options: the engine works once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from antiphon.platform.errors import MediaError
from antiphon.platform.events import Dispatch
from antiphon.speech import model
from antiphon.speech.model import WAITING, Failure, Job, Status
from antiphon.speech.ports import Chunk
from antiphon.speech.remove import Remove
from antiphon.work.lease import Waits
from tests.unit.speech_work.conftest import RESULTS, UPLOADS, Desk
from tests.unit.speech_work.test_transcribe import WHOLE, Killed, at, transcript
from tests.unit.work.conftest import USER

MONTH = "2026-11"


def removed(desk: Desk, job: Job) -> None:
    remove = Remove(
        jobs=desk.store, objects=desk.objects, uploads_bucket=UPLOADS, results_bucket=RESULTS, clock=desk.clock
    )
    remove(job.user_id, job.kind, job.id)


def waits(desk: Desk, job: Job) -> None:
    with pytest.raises(Waits):
        desk.run(job, owner="other")


def woken(desk: Desk) -> list[str]:
    """What the publisher sends for the last event."""
    last = desk.store.events[-1]
    return [d.job_id for d in desk.store.waiting(last.user_id, last.wakes)] if last.wakes else []


def test_the_second_of_two_recordings_with_the_same_bytes_is_a_copy(desk: Desk) -> None:
    first, second = desk.recording(diarize=False), desk.recording(diarize=False)
    desk.run(first)
    copy = desk.run(second)
    assert len(desk.listener.asked) == 1
    assert transcript(desk, copy) == transcript(desk, first) == WHOLE
    done = desk.now(first)
    assert (copy.status, copy.copied, done.copied) == (Status.SUCCEEDED, True, False)
    assert (copy.language, copy.duration, copy.engine, copy.result) == (
        done.language,
        done.duration,
        done.engine,
        done.result,
    )
    assert [desk.events(job, "succeeded") for job in (first, second)] == [1, 1]
    assert desk.store.usage(USER, MONTH).audio_ms == 90_000


@pytest.mark.parametrize("difference", ["bytes", "options", "alone", "user"])
def test_what_differs_is_worked_on_by_itself(desk: Desk, difference: str) -> None:
    first = desk.run(desk.recording())
    assert first.status is Status.SUCCEEDED
    match difference:
        case "bytes":
            second = desk.recording(b"another")
        case "options":
            second = desk.recording(language="de")
        case "alone":
            second = desk.recording(alone=True)
        case _:
            second = desk.recording()
            desk.edit(second, user_id=USER)
            desk.store.delete(first)
    assert not desk.run(second).copied
    assert len(desk.listener.asked) == 2


def test_while_the_first_is_worked_on_the_second_waits_without_a_message(desk: Desk) -> None:
    first, second = desk.recording(), desk.recording()

    def meanwhile() -> None:
        waits(desk, second)
        waiting = desk.now(second)
        assert (waiting.status, waiting.stage, waiting.lease_owner) == (Status.QUEUED, WAITING, None)

    at(desk, 2, meanwhile)
    desk.run(first)
    assert woken(desk) == [second.id]
    copy = desk.run(second)
    assert (copy.copied, transcript(desk, copy)) == (True, WHOLE)
    assert woken(desk) == []
    assert desk.store.usage(USER, MONTH).open_jobs == 0


@pytest.mark.parametrize("end", ["failed", "canceled", "deleted"])
def test_where_the_first_comes_to_nothing_the_second_does_the_work(desk: Desk, end: str) -> None:
    first, second = desk.recording(), desk.recording()

    def meanwhile() -> None:
        waits(desk, second)
        raise Killed

    at(desk, 2, meanwhile)
    with pytest.raises(Killed):
        desk.run(first)
    desk.listener.between = lambda: None
    match end:
        case "failed":
            desk.store.apply(model.fail(desk.now(first), Failure("x", "y"), desk.clock(), owner="me"))
            assert woken(desk) == [second.id]
        case "canceled":
            desk.store.apply(model.cancel(desk.now(first), desk.clock()))
            assert woken(desk) == [second.id]
        case _:
            removed(desk, first)
            assert woken(desk) == [second.id]
    done = desk.run(second)
    assert (done.status, done.copied, transcript(desk, done)) == (Status.SUCCEEDED, False, WHOLE)
    assert desk.store.usage(USER, MONTH).audio_ms == 90_000


def test_a_deterministic_failure_of_the_first_is_one_of_the_second_too(desk: Desk) -> None:
    desk.decoder.error = MediaError("broken", code="corrupt_media")
    for job in (desk.recording(), desk.recording()):
        with pytest.raises(MediaError):
            desk.run(job)


def test_a_copy_that_breaks_off_because_the_first_is_deleted_is_heard_from_there_on(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = desk.recording(), desk.recording()
    desk.run(first)
    chunks = desk.store.chunks

    def then_deleted(job_id: str) -> Iterator[Chunk]:
        for number, chunk in enumerate(list(chunks(job_id))):
            if number == 1 and job_id == first.id:
                removed(desk, first)
                return
            yield chunk

    monkeypatch.setattr(desk.store, "chunks", then_deleted)
    done = desk.run(second)
    assert (done.status, done.copied, transcript(desk, done)[0]) == (Status.SUCCEEDED, False, WHOLE[0])
    assert desk.listener.asked[-1][1] == 20.0, "from the end of the last segment that was copied"
    assert desk.store.usage(USER, MONTH).audio_ms == 180_000


def test_a_worker_that_dies_while_it_copies_goes_on_at_its_checkpoint(
    desk: Desk, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Q-22"""
    first, second = desk.recording(), desk.recording()
    desk.run(first)
    advance = desk.transcribe._once

    class Dying:
        def copied(self, progress: Any, lease: Any, content: str, copy: Any) -> bool:
            def once(*given: Any) -> bool:
                check, lease.check = lease.check, lambda: (_ for _ in ()).throw(Killed())
                try:
                    return bool(copy(*given))
                finally:
                    lease.check = check

            return advance.copied(progress, lease, content, once)

    monkeypatch.setattr(desk.transcribe, "_once", Dying())
    with pytest.raises(Killed):
        desk.run(second)
    assert desk.now(second).checkpoint.count == 1
    monkeypatch.undo()
    clock.move(minutes=2)
    done = desk.run(second, owner="other")
    assert (done.copied, transcript(desk, done)) == (True, WHOLE)
    assert len(desk.listener.asked) == 1


def test_a_file_that_is_not_what_was_declared_fails(desk: Desk) -> None:
    with pytest.raises(MediaError) as wrong:
        desk.run(desk.recording(upload={"sha256": "0" * 64}))
    assert wrong.value.code == "checksum_mismatch"
    assert desk.listener.asked == []


def test_the_second_of_two_texts_is_a_copy_with_audio_of_its_own(desk: Desk) -> None:
    """A-50: under a key of its own."""
    first, second = desk.text("One. Two."), desk.text("One. Two.")
    desk.run(first)
    copy = desk.run(second)
    assert desk.speaker.spoken == ["One.", "Two."]
    assert copy.copied
    assert desk.audio(copy) == desk.audio(first)
    assert copy.result["key"] == f"speech/{USER}/{copy.id}/1/audio.wav" != desk.now(first).result["key"]
    assert [m.text for m in desk.store.marks(copy.id)] == ["One.", "Two."]
    removed(desk, first)
    assert desk.audio(copy)
    assert desk.store.usage(USER, MONTH).characters == 9


def test_the_same_words_read_in_another_way_are_another_work(desk: Desk) -> None:
    desk.run(desk.text("One. Two."))
    assert not desk.run(desk.text("One. Two.", "text/markdown", "a.md")).copied


def test_a_text_whose_audio_is_gone_is_spoken_again(desk: Desk) -> None:
    first, second = desk.run(desk.text("One.")), desk.text("One.")
    desk.objects.delete(RESULTS, first.result["key"])
    done = desk.run(second)
    assert (done.status, done.copied) == (Status.SUCCEEDED, False)
    assert desk.audio(done)


def test_after_a_day_the_engine_works_again(desk: Desk, clock: Any) -> None:
    desk.run(desk.recording())
    clock.now += timedelta(hours=24)
    assert not desk.run(desk.recording()).copied


def test_who_waits_is_found_by_the_key_of_the_work(desk: Desk) -> None:
    first, second = desk.recording(), desk.recording()
    at(desk, 1, lambda: waits(desk, second))
    desk.run(first)
    key = desk.now(first).work_key
    assert key
    assert list(desk.store.waiting(USER, key)) == [Dispatch("transcription", "standard", second.id)]
    desk.store.apply(model.cancel(desk.now(second), desk.clock()))
    assert list(desk.store.waiting(USER, key)) == []

"""Whole edits and inspections on real files, with fakes around them: what comes out, what fails, and what a crash leaves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from antiphon.media.edits import Edits
from antiphon.media.hear import Hearing
from antiphon.media.inspect import inspect
from antiphon.media.items import Media, MediaStatus, arrived
from antiphon.media.items_memory import MemoryMediaStore
from antiphon.media.look import Look
from antiphon.media.model import PEAKS
from antiphon.media.operations import operation_of
from antiphon.media.perform import Perform
from antiphon.platform.errors import Conflict, EngineError, Invalid, LeaseLost, MediaError, NotFound
from antiphon.speech import model
from antiphon.speech.memory import MemoryJobStore, MemoryObjects
from antiphon.speech.metering import QuotaExceeded
from antiphon.speech.model import Job, Kind, Source, Status
from antiphon.work.lease import Lease
from tests import media_samples as samples

UPLOADS, RESULTS = "uploads-bucket", "results-bucket"
ANNA = "usr_01ARZ3NDEKTSV4RRFFQ69G5FAV"
NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
LEASE = timedelta(seconds=60)
IDS = [f"med_01ARZ3NDEKTSV4RRFFQ69G5FA{n}" for n in "123456789"]


class Held(Lease):
    """lost: after so many checks."""

    def __init__(self, lost_after: int | None = None) -> None:
        self.owner, self.span = "w1", LEASE
        self._left = lost_after

    def check(self) -> None:
        if self._left is not None:
            self._left -= 1
            if self._left < 0:
                raise LeaseLost


class Desk:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.work = folder / "work"
        self.work.mkdir()
        self.jobs, self.media, self.objects = MemoryJobStore(), MemoryMediaStore(), MemoryObjects()
        self.edits = Edits(jobs=self.jobs, media=self.media, clock=lambda: NOW)
        self.seconds_left = 600.0
        self.look = Look(media=self.media, objects=self.objects, work_dir=self.work, clock=lambda: NOW)

    def upload(self, path: Path, number: int = 0, name: str = "My talk.wav") -> Media:
        media = Media(IDS[number], ANNA, "media", name, "audio/wav", path.stat().st_size, NOW)
        key = f"uploads/{ANNA}/{media.id}"
        self.objects.put(UPLOADS, key, path.read_bytes(), content_type="audio/wav")
        self.media.create(media)
        there = arrived(media, Source(UPLOADS, key, size=media.size), None, NOW)
        self.media.settle(there)
        return there

    def item(self, path: Path, number: int = 0) -> Media:
        self.upload(path, number)
        assert self.look(ANNA, IDS[number]) == "ready"
        found = self.media.get(ANNA, IDS[number])
        assert found is not None
        return found

    def submit(self, media: Media, *operations: dict[str, Any], **given: Any) -> Job:
        return self.edits.submit(ANNA, "premium", media.id, [operation_of(each) for each in operations], **given)

    def claim(self, job: Job) -> Job:
        change = model.claim(job, owner="w1", message_id="m", lease=LEASE, now=NOW)
        self.jobs.apply(change)
        return change.after

    def run(self, job: Job, lease: Held | None = None) -> Job:
        perform = Perform(
            store=self.jobs,
            objects=self.objects,
            results_bucket=RESULTS,
            work_dir=self.work,
            clock=lambda: NOW,
            time_left=lambda: self.seconds_left,
        )
        claimed = self.claim(job)
        try:
            perform.run(claimed, lease or Held(), None)
        finally:
            assert list(self.work.iterdir()) == []
        return self.edits.get(ANNA, job.id)

    def result(self, job: Job) -> np.ndarray:
        made = self.jobs.media[job.result["media_id"]]
        assert made.source is not None
        path = self.folder / "heard"
        path.write_bytes(self.objects.read(RESULTS, made.source.key))
        return heard(path)

    @property
    def results(self) -> list[str]:
        return [key for bucket, key in self.objects.objects if bucket == RESULTS]


def heard(path: Path) -> np.ndarray:
    with Hearing(path) as hearing:
        return np.concatenate(list(hearing))


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_an_edit_makes_a_new_item_with_its_job_and_leaves_the_old_one(desk: Desk, tmp_path: Path) -> None:
    """A-50: under a key of its user."""
    source = samples.wav(tmp_path / "a.wav", channels=2, seconds=2)
    item = desk.item(source)
    job = desk.submit(item, {"op": "trim", "start": 0.5}, {"op": "reverse"}, seed=IDS[0][4:])
    assert (job.kind, job.duration, job.id) == (Kind.EDIT, 1.5, f"job_{IDS[0][4:]}")
    assert desk.submit(item, {"op": "trim", "start": 0.5}, {"op": "reverse"}, seed=IDS[0][4:]) == job
    done = desk.run(job)
    assert (done.status, done.engine, done.duration, done.progress) == (Status.SUCCEEDED, "ffmpeg", 1.5, 100)
    assert (desk.result(done) == heard(source)[8000:][::-1]).all()
    made = desk.jobs.media[done.result["media_id"]]
    assert (made.parent_id, made.filename, made.status) == (item.id, "My talk.wav", MediaStatus.READY)
    assert made.source is not None
    assert made.source.key.startswith(f"media/{ANNA}/{made.id}/")
    assert made.facts is not None
    assert (made.facts.duration, made.facts.channels) == (1.5, 2)
    assert [event.type for event in desk.jobs.events][-1] == "media.edited"
    assert desk.media.get(ANNA, item.id) == item


@pytest.mark.parametrize(
    ("kind", "format", "codec"),
    [
        ("mp3", None, "mp3"),
        ("flac", None, "flac"),
        ("m4a", None, "aac"),
        ("wma", None, "flac"),
        ("wav", "opus", "opus"),
    ],
)
def test_the_format_is_kept_or_what_was_asked_for(
    desk: Desk, tmp_path: Path, kind: str, format: str | None, codec: str
) -> None:
    item = desk.item(samples.recording(tmp_path / f"a.{kind}", seconds=1))
    convert = [{"op": "convert", "format": format}] if format else []
    done = desk.run(desk.submit(item, {"op": "gain", "db": -3}, *convert))
    made = desk.jobs.media[done.result["media_id"]]
    assert made.facts is not None
    assert made.facts.codec.removesuffix("float").removeprefix("lib") == codec
    assert made.facts.duration == pytest.approx(1, abs=0.1)


def test_items_are_joined_at_the_rate_and_channels_of_the_first(desk: Desk, tmp_path: Path) -> None:
    first = desk.item(samples.wav(tmp_path / "a.wav", rate=16_000, seconds=1))
    second = desk.item(samples.wav(tmp_path / "b.wav", rate=44_100, channels=2, seconds=0.5), 1)
    done = desk.run(desk.submit(first, {"op": "concat", "media_ids": [second.id, second.id]}))
    made = desk.jobs.media[done.result["media_id"]]
    assert made.facts is not None
    assert (made.facts.sample_rate, made.facts.channels) == (16_000, 1)
    assert made.facts.duration == pytest.approx(2, abs=0.01)


def test_only_own_ready_items_are_edited_or_joined(desk: Desk, tmp_path: Path) -> None:
    source = samples.wav(tmp_path / "a.wav")
    item, waiting = desk.item(source), desk.upload(source, 1)
    with pytest.raises(Conflict) as early:
        desk.submit(waiting, {"op": "reverse"})
    assert early.value.code == "media_not_ready"
    with pytest.raises(NotFound):
        desk.edits.submit("usr_2", "free", item.id, [operation_of({"op": "reverse"})])
    for other in (waiting.id, IDS[8]):
        with pytest.raises(Invalid) as refused:
            desk.submit(item, {"op": "concat", "media_ids": [other]})
        assert refused.value.code == "media_not_joinable"
    plain = replace(item, id=IDS[2], purpose="transcription", facts=None)
    desk.media.create(plain)
    with pytest.raises(Conflict) as unknown:
        desk.submit(plain, {"op": "reverse"})
    assert unknown.value.code == "media_not_editable"


def test_what_a_worker_that_lost_its_job_wrote_is_removed(desk: Desk, tmp_path: Path) -> None:
    """Nothing of it is seen."""
    item = desk.item(samples.wav(tmp_path / "a.wav"))
    job = desk.submit(item, {"op": "reverse"})
    real = desk.objects.upload

    def upload_and_be_canceled(*args: Any, **kwargs: Any) -> None:
        real(*args, **kwargs)
        desk.jobs.apply(model.cancel(desk.edits.get(ANNA, job.id), NOW))

    desk.objects.upload = upload_and_be_canceled  # type: ignore[method-assign]
    with pytest.raises(LeaseLost):
        desk.run(job)
    assert (desk.results, desk.jobs.media) == ([], {})


def test_an_edit_that_died_is_done_again_with_the_same_item_as_its_result(desk: Desk, tmp_path: Path) -> None:
    item = desk.item(samples.wav(tmp_path / "a.wav"))
    job = desk.submit(item, {"op": "reverse"})
    with pytest.raises(LeaseLost):
        desk.run(job, Held(lost_after=1))
    again = desk.edits.get(ANNA, job.id)
    desk.jobs.apply(model.hand_back(again, owner="w1", now=NOW))
    done = desk.run(desk.edits.get(ANNA, job.id))
    assert (done.status, done.attempts, list(desk.jobs.media)) == (Status.SUCCEEDED, 2, [f"med_{job.id[4:]}"])


def test_an_edit_without_time_or_room_fails_and_leaves_nothing(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    item = desk.item(samples.wav(tmp_path / "a.wav"))
    desk.seconds_left = -1
    with pytest.raises(EngineError) as late:
        desk.run(desk.submit(item, {"op": "reverse"}))
    assert (late.value.code, late.value.retryable) == ("edit_takes_too_long", False)
    desk.seconds_left = 600
    job = desk.submit(item, {"op": "reverse"})
    real = desk.jobs.apply

    def full(change: Any, **given: Any) -> None:
        if given.get("media"):
            raise QuotaExceeded("storage_bytes", 1, NOW)
        real(change, **given)

    monkeypatch.setattr(desk.jobs, "apply", full)
    with pytest.raises(QuotaExceeded):
        desk.run(job)
    assert desk.results == []


def test_facts_tell_what_is_in_a_file(tmp_path: Path) -> None:
    quiet, loud = samples.tone(1, 44_100, 2, level=0.1), samples.tone(1, 44_100, 2, level=0.5)
    path = samples.recording(tmp_path / "a.flac", layout="stereo", samples=np.concatenate([quiet, loud]))
    facts = inspect(path)
    assert (facts.container, facts.codec, facts.sample_rate, facts.channels) == ("flac", "flac", 44_100, 2)
    assert facts.duration == pytest.approx(2)
    assert facts.lufs == pytest.approx(-6.7, abs=1)
    assert facts.true_peak == pytest.approx(-6, abs=0.2)
    assert len(facts.peaks) == 2 * PEAKS
    assert facts.peaks[1 : PEAKS - 2 : 2] == pytest.approx([12.7] * (PEAKS // 2 - 1), abs=1.5)
    assert facts.peaks[PEAKS + 2 :: 2] == pytest.approx([-63.5] * (PEAKS // 2 - 1), abs=1.5)
    silence = inspect(samples.silent(tmp_path / "b.wav"))
    assert (silence.lufs, silence.true_peak, set(silence.peaks)) == (None, None, {0})
    assert inspect(samples.wav_with_old_tags(tmp_path / "c.wav")).tags["title"].startswith("Caf")


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (samples.noise_bytes, "unsupported_media"),
        (samples.zeros, "unsupported_media"),
        (samples.zipped, "unsupported_media"),
        (lambda path: samples.video(path.with_suffix(".mp4"), sound=False), "no_audio"),
        (lambda path: samples.wav_with_header(path, rate=16_000, channels=200), "media_out_of_bounds"),
        (lambda path: samples.flac_of_silence(path, seconds=13 * 3600, rate=44_100), "media_too_long"),
    ],
)
def test_a_hostile_file_is_rejected_with_its_reason_and_put_aside(
    desk: Desk, tmp_path: Path, make: Callable[[Path], Path], code: str
) -> None:
    """U-12, U-13"""
    media = desk.upload(make(tmp_path / "a.wav"))
    assert desk.look(ANNA, media.id) == "rejected"
    found = desk.media.get(ANNA, media.id)
    assert found is not None
    assert found.error is not None
    assert (found.status, found.error.code) == (MediaStatus.REJECTED, code)
    assert [key for _, key in desk.objects.objects] == [f"rejected/{ANNA}/{media.id}"]
    assert desk.look(ANNA, media.id) == "unchanged"
    assert [event.type for event in desk.media.events] == ["media.rejected"]


@pytest.mark.parametrize("seed", range(6))
def test_a_damaged_file_gives_facts_or_a_reason(tmp_path: Path, seed: int) -> None:
    whole = samples.recording(tmp_path / "a.mp3", seconds=1)
    try:
        facts = inspect(samples.mutated(tmp_path / "b.mp3", whole, seed))
    except MediaError:
        return
    assert facts.duration > 0


def test_more_than_fits_on_the_disk_is_refused_before(desk: Desk, tmp_path: Path) -> None:
    item = desk.item(samples.wav(tmp_path / "a.wav"))
    assert item.facts is not None
    long = replace(item, id=IDS[3], facts=replace(item.facts, duration=9_000.0, sample_rate=48_000, channels=2))
    desk.media.create(long)
    assert desk.submit(long, {"op": "reverse"}).status is Status.QUEUED
    with pytest.raises(Invalid, match="disk"):
        desk.submit(long, {"op": "normalize"}, {"op": "reverse"})

"""Files in parts: nothing becomes an object but what was declared, and an interrupted upload goes on."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from antiphon.platform.errors import Invalid, NotFound
from antiphon.speech.memory import MemoryParts
from antiphon.speech.model import Status
from antiphon.speech.parts import PART_SIZE, PARTS_ABOVE, PartedUpload, Parts, part_sizes
from antiphon.speech.ports import Upload
from antiphon.speech.submit import FileToCome, NewJob, Submit, upload_key
from tests.unit.speech.conftest import ANNA, BORIS, UPLOADS, Desk

ABOVE, PART = 100, 32
SIZE = ABOVE + 1


class Sending:
    """A desk that takes files in parts, and one such file."""

    def __init__(self, desk: Desk, clock: Any) -> None:
        self.desk = desk
        self.bucket = MemoryParts(desk.objects, UPLOADS)
        self.parts = Parts(
            bucket=self.bucket, jobs=desk.jobs, media=desk.media, origin="https://antiphon.test", clock=clock
        )
        self.submit = Submit(
            jobs=desk.jobs,
            media=desk.media,
            objects=desk.objects,
            uploads_bucket=UPLOADS,
            clock=clock,
            parts=self.parts,
        )
        self.file = FileToCome("talk.wav", "audio/wav", SIZE)

    def media(self) -> tuple[str, PartedUpload]:
        media, upload = self.submit.media(ANNA, self.file, "chat")
        assert isinstance(upload, PartedUpload)
        return media.id, upload

    def put_all(self, thing_id: str, upload: PartedUpload, but: int = 0) -> None:
        for number, size in enumerate(part_sizes(SIZE), start=1):
            if number != but:
                self.bucket.put(upload_key(ANNA.user_id, thing_id), upload.upload_id, number, bytes(size))

    def complete(self, thing_id: str, upload_id: str, user: str = ANNA.user_id, **etags: str) -> None:
        self.parts.complete(
            user, thing_id, upload_key(user, thing_id), upload_id, {int(n[1:]): etag for n, etag in etags.items()}
        )


@pytest.fixture
def sending(desk: Desk, clock: Any, monkeypatch: pytest.MonkeyPatch) -> Sending:
    """Bytes in place of megabytes."""
    monkeypatch.setattr("antiphon.speech.parts.PART_SIZE", PART)
    monkeypatch.setattr("antiphon.speech.submit.PARTS_ABOVE", ABOVE)
    return Sending(desk, clock)


def test_the_parts_make_up_the_file() -> None:
    for size in (1, PART_SIZE, PART_SIZE + 1, PARTS_ABOVE + 1, 5 * 1024**3):
        assert sum(part_sizes(size)) == size
        assert set(part_sizes(size)[:-1]) <= {PART_SIZE}


def test_a_file_that_fits_comes_in_one_request(sending: Sending) -> None:
    _, upload = sending.submit.media(ANNA, replace(sending.file, size=ABOVE), "chat")
    assert isinstance(upload, Upload)


def test_a_larger_one_comes_in_parts_and_is_put_together(sending: Sending) -> None:
    """U-05"""
    media_id, upload = sending.media()
    assert len(upload.urls) == 4
    assert upload.complete_url == f"https://antiphon.test/v1/uploads/{media_id}/complete?upload_id={upload.upload_id}"
    sending.put_all(media_id, upload)
    sending.complete(media_id, upload.upload_id)
    sending.complete(media_id, upload.upload_id)  # the answer was lost
    assert sending.bucket.size(upload_key(ANNA.user_id, media_id)) == SIZE


def test_a_missing_part_is_named_and_the_upload_goes_on(sending: Sending) -> None:
    media_id, upload = sending.media()
    sending.put_all(media_id, upload, but=2)
    with pytest.raises(Invalid) as refused:
        sending.complete(media_id, upload.upload_id)
    assert (refused.value.code, [f.field for f in refused.value.fields]) == ("upload_incomplete", ["parts[2]"])
    again = sending.parts.again(ANNA.user_id, media_id, upload_key(ANNA.user_id, media_id), upload.upload_id)
    assert again.received == (1, 3, 4)
    sending.put_all(media_id, upload)
    sending.complete(media_id, upload.upload_id)


@pytest.mark.parametrize("part", [1, 4])
def test_more_or_less_than_was_declared_is_refused(sending: Sending, part: int) -> None:
    """U-05: the sum, and each part."""
    media_id, upload = sending.media()
    sending.put_all(media_id, upload)
    sending.bucket.put(upload_key(ANNA.user_id, media_id), upload.upload_id, part, bytes(7))
    with pytest.raises(Invalid):
        sending.complete(media_id, upload.upload_id)
    sending.put_all(media_id, upload)
    sending.bucket.put(upload_key(ANNA.user_id, media_id), upload.upload_id, 5, bytes(7))
    with pytest.raises(Invalid):
        sending.complete(media_id, upload.upload_id)


def test_a_part_that_arrived_damaged_is_named(sending: Sending) -> None:
    media_id, upload = sending.media()
    sending.put_all(media_id, upload)
    with pytest.raises(Invalid) as refused:
        sending.complete(media_id, upload.upload_id, p3='"0123"')
    assert [f.field for f in refused.value.fields] == ["parts[3]"]


def test_nobody_else_can_go_on_with_it(sending: Sending) -> None:
    """U-05: the upload id is bound to the user."""
    media_id, upload = sending.media()
    sending.put_all(media_id, upload)
    for user in (BORIS.user_id, "usr_01ARZ3NDEKTSV4RRFFQ69G5FAA"):
        with pytest.raises(NotFound):
            sending.complete(media_id, upload.upload_id, user)
        with pytest.raises(NotFound):
            sending.parts.again(user, media_id, upload_key(user, media_id), upload.upload_id)
    with pytest.raises(NotFound):
        sending.complete("med_unknown", upload.upload_id)


def test_a_job_shows_the_same_upload_until_its_file_is_there(sending: Sending) -> None:
    job = sending.submit.transcription(ANNA, NewJob(file=sending.file)).job
    first, second = sending.submit.upload(job), sending.submit.upload(job)
    assert isinstance(first, PartedUpload)
    assert isinstance(second, PartedUpload)
    assert first.upload_id == second.upload_id
    sending.put_all(job.id, first)
    sending.complete(job.id, first.upload_id)
    key = upload_key(ANNA.user_id, job.id)
    body = sending.desk.objects.objects[UPLOADS, key].body
    sending.desk.arrive(sending.desk.put(key, body))
    arrived = sending.desk.jobs.get(ANNA.user_id, job.kind, job.id)
    assert arrived
    assert arrived.status is Status.QUEUED
    assert sending.submit.upload(arrived) is None
    sending.complete(job.id, first.upload_id)
    with pytest.raises(NotFound):
        sending.parts.again(ANNA.user_id, job.id, key, first.upload_id)

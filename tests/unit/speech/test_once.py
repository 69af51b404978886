"""What is asked for once more within a day joins the job there is."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from antiphon.platform.request import Caller
from antiphon.speech import model
from antiphon.speech.metering import QuotaExceeded
from antiphon.speech.model import Failure, Kind, Status
from antiphon.speech.once import request_key
from antiphon.speech.submit import FileToCome, NewJob
from tests.unit.speech.conftest import ANNA, BORIS, Desk, wav

HELLO = NewJob(text="Hello.", options={"voice": "one", "format": "mp3"})
SHA = "0" * 63 + "1"


def item(desk: Desk) -> str:
    media, _ = desk.submit.media(ANNA, FileToCome("a.wav", "audio/wav", 10_000), "transcription")
    desk.arrive(desk.put(f"uploads/{ANNA.user_id}/{media.id}", wav()))
    return media.id


def test_fifty_parallel_requests_for_one_thing_are_one_job(desk: Desk) -> None:
    """Also what an SDK repeats without a key."""
    with ThreadPoolExecutor(10) as pool:
        made = list(pool.map(lambda _: desk.submit.speech(ANNA, HELLO), range(50)))
    assert len({s.job.id for s in made}) == 1
    assert [s.joined for s in made].count(False) == 1
    assert desk.events == ["speech.queued"]
    assert len(desk.keys("texts/")) == 1
    assert desk.jobs.usage(ANNA.user_id, "2026-11").characters == 6


@pytest.mark.parametrize("status", ["running", "succeeded"])
def test_a_job_that_is_worked_on_or_done_is_joined(desk: Desk, status: str) -> None:
    media_id = item(desk)
    first = desk.submit.transcription(ANNA, NewJob(media_id=media_id)).job
    claim = model.claim(first, owner="w", message_id="m", lease=timedelta(seconds=60), now=desk.clock())
    desk.jobs.apply(claim)
    if status == "succeeded":
        desk.jobs.apply(model.finish(claim.after, owner="w", now=desk.clock()))
    again = desk.submit.transcription(ANNA, NewJob(media_id=media_id))
    assert (again.joined, again.job.id, again.job.status.value) == (True, first.id, status)


@pytest.mark.parametrize(
    "other",
    [
        replace(HELLO, text="Hallo."),
        replace(HELLO, options={"voice": "two", "format": "mp3"}),
        replace(HELLO, metadata={"order": 7}),
        replace(HELLO, callback_url="https://a.example.com/"),
        replace(HELLO, title="Greeting"),
        replace(HELLO, dedupe=False),
    ],
)
def test_what_differs_in_anything_that_is_shown_or_told_is_a_job_of_its_own(desk: Desk, other: NewJob) -> None:
    first = desk.submit.speech(ANNA, HELLO)
    second = desk.submit.speech(ANNA, other)
    assert (first.joined, second.joined) == (False, False)
    assert first.job.id != second.job.id


def test_who_asks_to_be_left_alone_is_joined_by_nobody(desk: Desk) -> None:
    alone = replace(HELLO, dedupe=False)
    assert len({desk.submit.speech(ANNA, alone).job.id for _ in range(3)}) == 3
    assert not desk.submit.speech(ANNA, HELLO).joined


def test_nobody_joins_the_job_of_another_user(desk: Desk) -> None:
    """A-42"""
    desk.submit.speech(ANNA, HELLO)
    assert not desk.submit.speech(BORIS, HELLO).joined


def test_after_a_day_it_is_done_anew(desk: Desk) -> None:
    first = desk.submit.speech(ANNA, HELLO).job
    desk.clock.move(hours=23, minutes=59)
    assert desk.submit.speech(ANNA, HELLO).job.id == first.id
    desk.clock.move(minutes=1)
    second = desk.submit.speech(ANNA, HELLO)
    assert not second.joined
    assert desk.submit.speech(ANNA, HELLO).job.id == second.job.id


@pytest.mark.parametrize("end", ["failed", "canceled", "deleted"])
def test_what_came_to_nothing_is_done_anew(desk: Desk, end: str) -> None:
    first = desk.submit.speech(ANNA, HELLO).job
    if end == "failed":
        desk.jobs.apply(model.fail(first, Failure("x", "y"), desk.clock()))
    elif end == "canceled":
        desk.jobs.apply(model.cancel(first, desk.clock()))
    else:
        desk.remove(ANNA.user_id, Kind.SPEECH, first.id)
    second = desk.submit.speech(ANNA, HELLO)
    assert (second.joined, second.job.status) == (False, Status.QUEUED)
    assert desk.submit.speech(ANNA, HELLO).job.id == second.job.id


def test_a_declared_hash_joins_the_job_that_waits_for_the_same_file(desk: Desk) -> None:
    file = FileToCome("a.wav", "audio/wav", 10_000, SHA)
    first = desk.submit.transcription(ANNA, NewJob(file=file))
    again = desk.submit.transcription(ANNA, NewJob(file=replace(file, filename="b.wav")))
    assert again.joined
    upload = desk.submit.upload(again.job)
    assert upload
    assert upload.fields["key"] == f"uploads/{ANNA.user_id}/{first.job.id}"


def test_files_of_which_nothing_is_known_yet_are_jobs_of_their_own(desk: Desk) -> None:
    new = NewJob(file=FileToCome("a.wav", "audio/wav", 10_000))
    assert desk.submit.transcription(ANNA, new).job.id != desk.submit.transcription(ANNA, new).job.id


def test_a_repeat_with_the_idempotency_key_of_the_job_itself_joins_nothing(desk: Desk) -> None:
    seed = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
    first = desk.submit.speech(ANNA, HELLO, seed)
    assert desk.submit.speech(ANNA, HELLO, seed) == first
    other = desk.submit.speech(ANNA, HELLO, "01BX5ZZKBKACTAV9WEVGEMMVRZ")
    assert (other.joined, other.job.id) == (True, first.job.id)


def test_a_text_that_joined_leaves_no_object_and_one_that_is_refused_no_trace(desk: Desk) -> None:
    caller = Caller(ANNA.user_id, "free")
    big = NewJob(text="x" * 200_000)
    desk.submit.speech(caller, big)
    desk.submit.speech(caller, big)
    assert len(desk.keys("texts/")) == 1
    desk.submit.speech(caller, NewJob(text="y" * 200_000))
    refused = NewJob(text="z" * 200_000)
    for _ in range(2):
        with pytest.raises(QuotaExceeded):
            desk.submit.speech(caller, refused)
    assert len(desk.keys("texts/")) == 2


def test_no_row_names_a_job_that_was_deleted(desk: Desk) -> None:
    job = desk.submit.speech(ANNA, HELLO).job
    assert job.request_key
    assert desk.jobs.holder(ANNA.user_id, job.request_key)
    receipt = desk.remove(ANNA.user_id, Kind.SPEECH, job.id)
    assert desk.jobs.holder(ANNA.user_id, job.request_key) is None
    assert receipt.rows == 2


def test_the_key_of_a_request_is_stable() -> None:
    """It is stored for a day: a deployment must find it again."""
    nothing: dict[str, Any] = {"title": None, "metadata": {}, "callback_url": None}
    one = request_key(Kind.SPEECH, "text:1", {"a": 1, "b": 2, "upload": {"size": 3}}, **nothing)
    assert one == request_key(Kind.SPEECH, "text:1", {"b": 2, "a": 1}, **nothing)
    assert one == "7212b365de33accbcfe8500c74d3f5599153d43b5971c4edd9763608a30eaa80"  # pragma: allowlist secret

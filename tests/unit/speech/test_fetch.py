"""Recordings at customers' addresses."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from antiphon.speech import model
from antiphon.speech.fetch import PAUSES, Again, Answer, Fetch, TooMuch, Unreached, filename_of
from antiphon.speech.model import FETCHING, Job, Kind, Status
from antiphon.speech.submit import NewJob
from tests.unit.speech.conftest import ANNA, UPLOADS, Desk, wav

URL = "https://files.example.com/talks/first.wav?signature=secret"


class Web:
    """``answers``: by address; an exception is raised. ``asked``: in order."""

    def __init__(self, **answers: Any) -> None:
        self.answers: dict[str, Any] = answers
        self.asked: list[tuple[str, int]] = []

    @contextmanager
    def get(self, url: str, most: int) -> Iterator[Answer]:
        self.asked.append((url, most))
        found = self.answers[url]
        if isinstance(found, Exception):
            raise found
        yield found


def answer(status: int = 200, *parts: bytes, location: str | None = None) -> Answer:
    return Answer(status, location, "audio/wav; x=y", iter(parts))


def broken(error: Exception) -> Answer:
    def parts() -> Iterator[bytes]:
        yield b"RIFF"
        raise error

    return Answer(200, None, "audio/wav", parts())


@pytest.fixture
def job(desk: Desk) -> Job:
    return desk.submit.transcription(ANNA, NewJob(url=URL, title="first.wav")).job


def fetch(desk: Desk, web: Web, job: Job, tries: int = 1) -> str:
    fetching = Fetch(jobs=desk.jobs, objects=desk.objects, web=web, uploads_bucket=UPLOADS, clock=desk.clock)
    return fetching(job.user_id, job.kind, job.id, tries)


def now(desk: Desk, job: Job) -> Job:
    found = desk.jobs.get(job.user_id, Kind.TRANSCRIPTION, job.id)
    assert found
    return found


def test_a_job_with_an_address_asks_for_its_recording_and_waits(desk: Desk, job: Job) -> None:
    assert (job.status, job.stage, job.source) == (Status.AWAITING_UPLOAD, FETCHING, None)
    (event,) = desk.jobs.events
    assert event.dispatch
    assert (event.type, event.dispatch.kind, event.dispatch.job_id) == ("transcription.fetching", "fetch", job.id)
    assert "secret" not in repr(event)
    assert desk.submit.upload(job) is None


def test_what_is_fetched_arrives_like_any_upload(desk: Desk, job: Job) -> None:
    body = wav()
    web = Web(**{URL: answer(200, body[:100], body[100:])})
    assert fetch(desk, web, job) == "fetched"
    key = f"uploads/{ANNA.user_id}/{job.id}"
    assert desk.objects.objects[UPLOADS, key].content_type == "audio/wav"
    assert desk.arrive(desk.put(key, desk.objects.read(UPLOADS, key))) == "queued"
    after = now(desk, job)
    assert (after.status, after.stage, after.title) == (Status.QUEUED, None, "first.wav")
    assert fetch(desk, web, job) == "nothing", "a repeat of the message"
    assert len(web.asked) == 1


def test_three_redirects_are_followed_each_as_a_request_of_its_own(desk: Desk, job: Job) -> None:
    web = Web(**{URL: answer(302, location="/b")})
    web.answers["https://files.example.com/b"] = answer(301, location="https://c.example.com/c")
    web.answers["https://c.example.com/c"] = answer(307, location="d")
    web.answers["https://c.example.com/d"] = answer(200, wav())
    assert fetch(desk, web, job) == "fetched"
    web.answers["https://c.example.com/d"] = answer(308, location="https://e.example.com/")
    again = desk.submit.transcription(ANNA, NewJob(url=URL, dedupe=False)).job
    assert fetch(desk, web, again) == "url_redirected"
    assert "https://e.example.com/" not in [url for url, _ in web.asked]


@pytest.mark.parametrize(
    ("found", "code"),
    [
        (answer(404), "url_not_found"),
        (answer(410), "url_not_found"),
        (answer(401), "url_refused"),
        (answer(403), "url_refused"),
        (answer(206), "url_refused"),
        (answer(302), "url_redirected"),
        (broken(TooMuch()), "upload_too_large"),
    ],
)
def test_what_will_not_get_better_fails_at_once(desk: Desk, job: Job, found: Answer, code: str) -> None:
    assert fetch(desk, Web(**{URL: found}), job) == code
    failed = now(desk, job)
    assert failed.error
    assert (failed.status, failed.error.code) == (Status.FAILED, code)
    assert desk.keys() == []
    assert desk.jobs.usage(ANNA.user_id, "2026-11").open_jobs == 0


def test_what_may_get_better_is_tried_again_and_later_and_all_reasons_look_the_same(desk: Desk) -> None:
    """S-09: blocked, refused, timed out, broken off or busy."""
    seen = set()
    for found in (Unreached(), broken(Unreached()), answer(503), answer(429), answer(500)):
        job = desk.submit.transcription(ANNA, NewJob(url=URL, dedupe=False)).job
        for tries, pause in enumerate(PAUSES, start=1):
            with pytest.raises(Again) as again:
                fetch(desk, Web(**{URL: found if not isinstance(found, Answer) else again_of(found)}), job, tries)
            assert again.value.seconds == pause
            assert now(desk, job).status is Status.AWAITING_UPLOAD
        fetch(desk, Web(**{URL: found if not isinstance(found, Answer) else again_of(found)}), job, len(PAUSES) + 1)
        seen.add(now(desk, job).error)
    assert len(seen) == 1


def again_of(found: Answer) -> Answer:
    return found if found.status != 200 else broken(Unreached())


def test_a_job_that_was_canceled_or_removed_meanwhile_is_left_alone(desk: Desk, job: Job) -> None:
    desk.jobs.apply(model.cancel(job, desk.clock()))
    assert fetch(desk, Web(), job) == "nothing"
    desk.remove(ANNA.user_id, Kind.TRANSCRIPTION, job.id)
    assert fetch(desk, Web(), job) == "nothing"


def test_the_same_address_is_joined_for_minutes_only(desk: Desk, job: Job) -> None:
    """What lies there may be another recording soon."""
    again = NewJob(url=URL, title="first.wav")
    desk.clock.move(minutes=9)
    assert desk.submit.transcription(ANNA, again).joined
    desk.clock.move(minutes=1)
    assert not desk.submit.transcription(ANNA, again).joined


@pytest.mark.parametrize(
    ("url", "name"),
    [
        (URL, "first.wav"),
        ("https://a.example.com", "unnamed"),
        ("https://a.example.com/", "unnamed"),
        ("https://a.example.com/x/?q=/y.wav", "x"),
    ],
)
def test_a_job_is_called_after_the_last_part_of_the_path(url: str, name: str) -> None:
    assert filename_of(url) == name

"""A recording that lies at a customer's address: into the bucket, as if it had been uploaded there. What follows is the arrival of any other upload.

S-09: an address that may not be called, one where nobody answers and one that takes too long are the same to whoever asked: the same tries, the same code, the same words.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urljoin

from antiphon.identity.tiers import limits_of
from antiphon.platform.clock import Clock
from antiphon.platform.errors import NotFound
from antiphon.speech import model
from antiphon.speech.arrive import clean_filename
from antiphon.speech.model import FETCHING, Change, Failure, Job, Kind, Status
from antiphon.speech.ports import JobStore, Objects
from antiphon.speech.retrying import change
from antiphon.speech.submit import upload_key

MAX_REDIRECTS = 3
REDIRECTS = frozenset({301, 302, 303, 307, 308})
PASSING = frozenset({408, 425, 429})
"""Answers of the 400s that may be others in a while, as those of the 500s may."""
PAUSES = (10, 60, 300)
"""Seconds until the second try and each further one; the last failure is final."""

UNREACHABLE = Failure("url_unreachable", "The recording could not be fetched from its address.")
NOT_FOUND = Failure("url_not_found", "There is no recording at this address.")
REFUSED = Failure("url_refused", "The address does not give the recording to us; make one that needs no sign-in.")
REDIRECTED = Failure("url_redirected", f"The address leads to others more than {MAX_REDIRECTS} times, or to none.")


class Unreached(Exception):
    """No answer, or not a whole one: whatever the reason, nothing is said of it."""


class TooMuch(Exception):
    """More bytes than were wanted."""


@dataclass(frozen=True)
class Answer:
    """``location``: of a redirect; ``parts``: the body, to be read while the connection is open."""

    status: int
    location: str | None
    content_type: str | None
    parts: Iterator[bytes]


class Web(Protocol):
    def get(self, url: str, most: int) -> AbstractContextManager[Answer]:
        """One request, to an address that is vetted for it; no redirect is followed. Its parts raise TooMuch beyond so many bytes, and like the request itself
        Unreached."""


class Again(Exception):
    """To be tried once more, after so many ``seconds``."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"again in {seconds} s")
        self.seconds = seconds


class _Ended(Exception):
    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.code)
        self.failure = failure


class Fetch:
    def __init__(self, *, jobs: JobStore, objects: Objects, web: Web, uploads_bucket: str, clock: Clock) -> None:
        self._jobs = jobs
        self._objects = objects
        self._web = web
        self._bucket = uploads_bucket
        self._clock = clock

    def __call__(self, user_id: str, kind: Kind, job_id: str, tries: int) -> str:
        """Gives what was done, for the log. tries: how often it was tried, this time included. Raises Again."""
        job = self._jobs.get(user_id, kind, job_id)
        if job is None or job.status is not Status.AWAITING_UPLOAD or "url" not in job.options:
            return "nothing"
        try:
            self._fetch(job)
        except _Ended as ended:
            return self._give_up(job, ended.failure)
        except Unreached:
            if tries > len(PAUSES):
                return self._give_up(job, UNREACHABLE)
            raise Again(PAUSES[tries - 1]) from None
        return "fetched"

    def _fetch(self, job: Job) -> None:
        """Raises Unreached, _Ended."""
        url, most = str(job.options["url"]), limits_of(job.tier).upload_bytes
        for _ in range(MAX_REDIRECTS + 1):
            with self._web.get(url, most) as answer:
                if answer.status not in REDIRECTS:
                    self._take(job, answer, most)
                    return
                if not answer.location:
                    raise _Ended(REDIRECTED)
                url = urljoin(url, answer.location)
        raise _Ended(REDIRECTED)

    def _take(self, job: Job, answer: Answer, most: int) -> None:
        if answer.status >= 500 or answer.status in PASSING:
            raise Unreached
        if answer.status in (404, 410):
            raise _Ended(NOT_FOUND)
        if answer.status != 200:
            raise _Ended(REFUSED)
        kind = (answer.content_type or "").split(";")[0].strip().lower() or "application/octet-stream"
        key = upload_key(job.user_id, job.id)
        try:
            self._objects.upload_parts(self._bucket, key, answer.parts, content_type=kind)
        except TooMuch:
            detail = f"The recording has more than {most:,} bytes, which is what a {job.tier} account may send."
            raise _Ended(Failure("upload_too_large", detail)) from None

    def _give_up(self, job: Job, failure: Failure) -> str:
        def decide(now: Job) -> Change | None:
            waits = now.status is Status.AWAITING_UPLOAD and now.stage == FETCHING
            return model.reject(now, failure, self._clock()) if waits else None

        try:
            change(self._jobs, job.user_id, job.kind, job.id, decide)
        except NotFound:
            return "gone"
        return failure.code


def filename_of(url: str) -> str:
    """The last part of the path, to be shown."""
    path = url.partition("?")[0].split("/", 3)[3:]
    return clean_filename(path[0].rstrip("/").rsplit("/", 1)[-1]) if path else "unnamed"

"""A job with all that it left behind, gone for good."""

from __future__ import annotations

from dataclasses import dataclass

from antiphon.media.items import media_of_job, media_prefix
from antiphon.platform.clock import Clock
from antiphon.speech import model
from antiphon.speech.model import Job, Kind, Status
from antiphon.speech.ports import JobStore, Objects
from antiphon.speech.retrying import change


@dataclass(frozen=True)
class Receipt:
    """What was removed: rows of the table, objects, and versions of objects."""

    id: str
    rows: int
    objects: int
    versions: int


class Remove:
    """results_bucket: None where the jobs have no results in a bucket."""

    def __init__(
        self, *, jobs: JobStore, objects: Objects, uploads_bucket: str, results_bucket: str | None = None, clock: Clock
    ) -> None:
        self._jobs = jobs
        self._objects = objects
        self._uploads = uploads_bucket
        self._results = results_bucket
        self._clock = clock

    def __call__(self, user_id: str, kind: Kind, job_id: str) -> Receipt:
        """Stops the job first, so that no worker writes what is being removed; the row goes last, so that a crash can be repeated. Raises NotFound."""
        job = change(
            self._jobs, user_id, kind, job_id, lambda job: None if job.terminal else model.cancel(job, self._clock())
        )
        objects = versions = 0
        for bucket, prefix in self._places(job):
            removed = self._objects.delete_prefix(bucket, prefix)
            objects, versions = objects + removed[0], versions + removed[1]
        own = job.source and "borrowed" not in job.options
        if (
            own and job.source and job.source.key.startswith("inbox/")
        ):  # the same name may belong to a later job: only this one's version goes
            removed = self._objects.delete(job.source.bucket, job.source.key, job.source.version)
            objects, versions = objects + removed[0], versions + removed[1]
        return Receipt(job_id, self._jobs.delete(job), objects, versions)

    def _places(self, job: Job) -> list[tuple[str, str]]:
        if job.kind is Kind.EDIT:  # the recording and what was made of it are media items with a life of their own
            made = job.status is Status.SUCCEEDED
            return (
                []
                if made or self._results is None
                else [(self._results, media_prefix(job.user_id, media_of_job(job.id)))]
            )
        owner = f"{job.user_id}/{job.id}"
        places = [(self._uploads, f"{folder}/{owner}") for folder in ("uploads", "texts", "rejected")]
        if self._results is not None:
            places += [(self._results, f"{folder}/{owner}/") for folder in ("speech", "parts")]
        return places

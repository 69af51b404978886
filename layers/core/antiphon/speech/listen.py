"""A speech while it is being made: its finished sentences, in order, as they come."""

from __future__ import annotations

import io
import wave
from collections.abc import Callable, Generator
from dataclasses import dataclass
from datetime import datetime, timedelta

from antiphon.platform.clock import Clock
from antiphon.platform.errors import NotFound
from antiphon.speech.model import Job, Kind
from antiphon.speech.ports import JobStore, Mark, Objects

POLL_EVERY = 0.3
"""Seconds between two looks."""
MAX_WAIT = 20
PARTS_FOR = timedelta(days=2)
"""For so long the bucket keeps the audio of single sentences."""


@dataclass(frozen=True)
class Part:
    """One sentence as it will stand in the whole, its pauses included. samples: int16, mono, little-endian."""

    mark: Mark
    samples: bytes
    sample_rate: int


class Listen:
    """pause: waits so many seconds."""

    def __init__(
        self,
        *,
        jobs: JobStore,
        objects: Objects,
        results_bucket: str,
        clock: Clock,
        pause: Callable[[float], None],
    ) -> None:
        self._jobs = jobs
        self._objects = objects
        self._bucket = results_bucket
        self._clock = clock
        self._pause = pause

    def marks(
        self, user_id: str, job_id: str, *, after: int = -1, limit: int | None = None, wait: float = 0.0
    ) -> tuple[Job, tuple[Mark, ...]]:
        """The sentences after the one with this index: as soon as there is one or the job has ended, after ``wait`` seconds also none. Raises NotFound."""
        return self._next(user_id, job_id, after, limit, self._clock() + timedelta(seconds=min(wait, MAX_WAIT)))

    def parts(self, user_id: str, job_id: str, *, after: int = -1, until: datetime) -> Generator[Part, None, Job]:
        """Every sentence after this index, each as soon as it is stored, until the job ends or the time has come; at last the job as it is then.

        A sentence is given once and in its order whatever workers die meanwhile. Raises NotFound also where the audio is older than ``PARTS_FOR``.
        """
        while True:
            job, marks = self._next(user_id, job_id, after, None, until)
            for mark in marks:
                yield self.part(mark)
                after = mark.index
            if (job.terminal and after + 1 >= job.checkpoint.count) or self._clock() >= until:
                return job

    def playable(self, job: Job, mark: Mark) -> bool:
        """Whether the audio of this sentence can still be fetched by itself."""
        began = job.started_at or job.created_at
        return mark.key is not None and (not job.terminal or self._clock() - began < PARTS_FOR)

    def _next(
        self, user_id: str, job_id: str, after: int, limit: int | None, until: datetime
    ) -> tuple[Job, tuple[Mark, ...]]:
        while True:
            job = self._jobs.get(user_id, Kind.SPEECH, job_id)
            if job is None:
                raise NotFound("There is no such speech.")
            # What lies beyond the checkpoint is of an earlier attempt whose text was cut otherwise.
            count = job.checkpoint.count - after - 1
            marks = tuple(self._jobs.marks(job_id, after=after, limit=min(count, limit or count))) if count > 0 else ()
            left = (until - self._clock()).total_seconds()
            if marks or job.terminal or left <= 0:
                return job, marks
            self._pause(min(POLL_EVERY, left))

    def part(self, mark: Mark) -> Part:
        """Raises NotFound where its audio is older than ``PARTS_FOR``."""
        if mark.key is None:
            raise NotFound("The audio of single sentences is not kept any more.", code="object_missing")
        with wave.open(io.BytesIO(self._objects.read(self._bucket, mark.key))) as part:
            return Part(mark, part.readframes(part.getnframes()), part.getframerate())

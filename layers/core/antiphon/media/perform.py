"""One claimed edit, from its first sample to the new media item."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from antiphon.media.formats import FORMATS
from antiphon.media.inspect import inspect
from antiphon.media.items import PURPOSE, Media, MediaStatus, media_of_job, media_prefix
from antiphon.media.operations import operation_of
from antiphon.media.render import Rendered, render
from antiphon.platform.clock import Clock
from antiphon.platform.errors import EngineError, NotFound
from antiphon.speech.model import Job, Source, spent
from antiphon.speech.ports import JobStore, Objects
from antiphon.speech.progress import Progress
from antiphon.work.lease import Lease

ENGINE = "ffmpeg"
TELL_EVERY = 2.0
"""Seconds between two writes of the progress."""


class Perform:
    """time_left: seconds until the process ends, whatever it does."""

    def __init__(
        self,
        *,
        store: JobStore,
        objects: Objects,
        results_bucket: str,
        work_dir: Path,
        clock: Clock,
        time_left: Callable[[], float],
    ) -> None:
        self._store = store
        self._objects = objects
        self._bucket = results_bucket
        self._work_dir = work_dir
        self._clock = clock
        self._time_left = time_left

    def prepare(self, job: Job) -> None:
        """Nothing is fetched ahead."""

    def discard(self, prepared: None) -> None:
        return

    def remaining(self) -> float | None:
        return None

    def run(self, job: Job, lease: Lease, prepared: None) -> None:
        folder = Path(tempfile.mkdtemp(dir=self._work_dir))
        try:
            self._edit(job, lease, folder)
        except Exception:
            self._remove_what_is_nobodys(job)
            raise
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _remove_what_is_nobodys(self, job: Job) -> None:
        """What this attempt laid into the bucket, unless an answer was lost and the job has ended with it."""
        now_job = self._store.get(job.user_id, job.kind, job.id)
        if now_job is None or not str(now_job.result.get("key", "")).startswith(_attempt(job)):
            self._objects.delete_prefix(self._bucket, _attempt(job))

    def _edit(self, job: Job, lease: Lease, folder: Path) -> None:
        progress = Progress(self._store, job, owner=lease.owner, lease=lease.span, clock=self._clock)
        started = time.perf_counter()
        paths = self._download(job, folder)
        progress.advance(
            stage="editing",
            engine=ENGINE,
            timings=spent(job, download_ms=timedelta(seconds=time.perf_counter() - started)),
        )
        started = time.perf_counter()
        target = folder / "result"
        rendered = render(
            paths[""],
            [operation_of(each) for each in job.options["operations"]],
            target,
            others=paths,
            lengths={each: float(found["duration"]) for each, found in job.options["sources"].items()},
            duration=float(job.options["duration"]),
            tick=self._watch(progress, lease),
        )
        lease.check()
        media = self._store_result(job, rendered, target)
        progress.finish(
            media=media,
            duration=round(rendered.duration, 3),
            warnings=rendered.warnings,
            timings=spent(progress.job, edit_ms=timedelta(seconds=time.perf_counter() - started)),
            result={"media_id": media.id, "key": media.source.key if media.source else None},
        )

    def _download(self, job: Job, folder: Path) -> dict[str, Path]:
        """By media id, the recording itself under the empty text."""
        if job.source is None:
            raise NotFound("The job has no recording.")
        wanted = {"": job.source}
        for each, found in job.options["sources"].items():
            wanted[each] = Source(**{name: value for name, value in found.items() if name != "duration"})
        paths = {}
        for number, (each, source) in enumerate(wanted.items()):
            paths[each] = folder / f"source{number}"
            self._objects.download(source.bucket, source.key, str(paths[each]), version=source.version)
        return paths

    def _watch(self, progress: Progress, lease: Lease) -> Callable[[float | None], None]:
        told = time.monotonic()

        def tick(share: float | None) -> None:
            nonlocal told
            lease.check()
            if self._time_left() < 0:
                raise EngineError(
                    "The edit takes longer than one may. Send fewer operations at once, or a shorter recording.",
                    code="edit_takes_too_long",
                )
            if share is not None and time.monotonic() - told >= TELL_EVERY:
                told = time.monotonic()
                progress.advance(progress=round(90 * share))

        return tick

    def _store_result(self, job: Job, rendered: Rendered, target: Path) -> Media:
        facts, kind, media_id = inspect(target), FORMATS[rendered.format], media_of_job(job.id)
        key = f"{_attempt(job)}{media_id}"
        self._objects.upload(self._bucket, key, str(target), content_type=kind.content_type)
        stem = Path(job.title or "recording").stem[:240] or "recording"
        size, filename = target.stat().st_size, f"{stem}.{kind.extension}"
        stored = self._objects.head(self._bucket, key)
        source = Source(
            bucket=self._bucket,
            key=key,
            version=stored.version if stored else None,
            size=size,
            content_type=kind.content_type,
            filename=filename,
        )
        return Media(
            id=media_id,
            user_id=job.user_id,
            purpose=PURPOSE,
            filename=filename,
            content_type=kind.content_type,
            size=size,
            created_at=self._clock(),
            status=MediaStatus.READY,
            source=source,
            tier=job.tier,
            parent_id=job.options["media_id"],
            facts=facts,
        )


def _attempt(job: Job) -> str:
    return f"{media_prefix(job.user_id, media_of_job(job.id))}{job.attempts}/"

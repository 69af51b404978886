"""One claimed transcription, from its checkpoint to its end."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, fields
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, Protocol

from antiphon.engines.ports import Transcriber, TranscriptionOptions, Vad
from antiphon.platform.clock import Clock
from antiphon.platform.errors import MediaError, NotFound
from antiphon.speech.model import Checkpoint, Job, Source, spent
from antiphon.speech.once import Once
from antiphon.speech.ports import Chunk, JobStore, Objects
from antiphon.speech.progress import Progress
from antiphon.work.lease import Lease

if TYPE_CHECKING:
    from logging import Logger

    import numpy as np

REJECTED = frozenset({"unsupported_media"})
"""Codes of what is no recording at all: the object is put aside."""


class Recording(Protocol):
    """A recording being decoded: an iterator of float32 blocks, mono, 16 kHz, from where it was asked to start."""

    decoded: float
    warnings: tuple[str, ...]

    @property
    def duration(self) -> float | None: ...

    def __iter__(self) -> Iterator[np.ndarray]: ...


Decode = Callable[[Path, float], AbstractContextManager[Recording]]
"""Probes the file and begins to decode it from so many seconds on, to the sample. Raises MediaError."""


@dataclass
class Prepared:
    """What was done before the claim; good for this source and position only."""

    source: Source
    position: float
    folder: Path
    download_ms: int
    opened: AbstractContextManager[Recording] | None = None
    recording: Recording | None = None
    error: Exception | None = None
    sha256: str = ""


class Transcribe:
    def __init__(
        self,
        *,
        store: JobStore,
        objects: Objects,
        engine: Transcriber,
        decode: Decode,
        work_dir: Path,
        clock: Clock,
        logger: Logger,
    ) -> None:
        self._store = store
        self._objects = objects
        self._engine = engine
        self._decode = decode
        self._work_dir = work_dir
        self._clock = clock
        self._logger = logger
        self._once = Once(store, engine.name, clock)
        self._speed = 0.2
        """Seconds of work per second of audio, as of late."""
        self._left: float | None = None

    def remaining(self) -> float | None:
        left = self._left
        return None if left is None else left * self._speed

    def prepare(self, job: Job) -> Prepared | None:
        """The file here, and its decoder started. What is wrong with it is said when the job is run."""
        if job.source is None:
            return None
        started = time.perf_counter()
        folder = Path(tempfile.mkdtemp(dir=self._work_dir))
        prepared = Prepared(job.source, job.checkpoint.position, folder, 0)
        path = folder / "recording"
        try:
            self._objects.download(job.source.bucket, job.source.key, str(path), version=job.source.version)
            prepared.download_ms = round((time.perf_counter() - started) * 1000)
            with path.open("rb") as file:
                prepared.sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            opened = self._decode(path, prepared.position)
            prepared.recording = opened.__enter__()
            prepared.opened = opened
        except Exception as error:  # noqa: BLE001 - kept, and raised when the job is run
            prepared.error = error
        return prepared

    def discard(self, prepared: Prepared | None) -> None:
        if prepared is None:
            return
        try:
            if prepared.opened:
                prepared.opened.__exit__(None, None, None)
        finally:
            shutil.rmtree(prepared.folder, ignore_errors=True)

    def run(self, job: Job, lease: Lease, prepared: Prepared | None) -> None:
        if prepared and (prepared.source, prepared.position) != (job.source, job.checkpoint.position):
            self.discard(prepared)
            prepared = None
        try:
            lease.check()
            if "rejected" in job.result:
                self._put_aside(job)
            prepared = prepared or self.prepare(job)
            if prepared is None:
                raise NotFound("The job has no recording.")
            if prepared.error:
                raise prepared.error
            _check(job, prepared.sha256)
            progress = Progress(self._store, job, owner=lease.owner, lease=lease.span, clock=self._clock)
            if self._once.copied(progress, lease, f"sha256:{prepared.sha256}", self._copy):
                return
            job = progress.job
            if job.checkpoint.position != prepared.position:  # a copy that broke off came so far
                self.discard(prepared)
                prepared = self.prepare(job)
                if prepared is None or prepared.error:
                    raise (prepared and prepared.error) or NotFound("The job has no recording.")
            self._transcribe(job, lease, prepared)
        except MediaError as error:
            if error.code in REJECTED and "rejected" not in job.result:
                progress = Progress(self._store, job, owner=lease.owner, lease=lease.span, clock=self._clock)
                progress.advance(quiet=True, result={"rejected": {"code": error.code, "detail": error.detail}})
                self._put_aside(progress.job)
            raise
        finally:
            self._left = None
            self.discard(prepared)

    def _copy(self, progress: Progress, lease: Lease, first: Job) -> bool:
        """Chunk by chunk, as if they were heard: where it breaks off, the engine or the next attempt goes on."""
        for chunk in self._store.chunks(first.id):
            at = progress.job.checkpoint
            if chunk.first < at.count:
                continue
            if chunk.first > at.count:
                return False  # it is being deleted
            end = max(at.position, chunk.segments[-1].end)
            progress.advance(
                chunk=chunk,
                checkpoint=Checkpoint(end, at.count + len(chunk.segments)),
                progress=_percent(end, first.duration),
                stage="copying",
                engine=first.engine,
                language=first.language,
                duration=first.duration,
            )
            lease.check()
        if progress.job.checkpoint.count != first.checkpoint.count:
            return False
        job = progress.job
        progress.finish(
            engine=first.engine,
            language=first.language,
            duration=first.duration,
            warnings=first.warnings,
            timings=job.timings,
            result=first.result,
        )
        return True

    def _put_aside(self, job: Job) -> NoReturn:
        """Raises the MediaError that the job remembers: once the object is moved, another attempt could not find it out again."""
        code, detail = job.result["rejected"]["code"], job.result["rejected"]["detail"]
        if job.source:
            self._objects.move(
                job.source.bucket,
                job.source.key,
                f"rejected/{job.user_id}/{job.id}",
                version=job.source.version,
                metadata={"reason": code},
            )
        raise MediaError(detail, code=code)

    def _transcribe(self, job: Job, lease: Lease, prepared: Prepared) -> None:
        recording = prepared.recording
        assert recording is not None  # opened without an error
        options = options_of(job)
        progress = Progress(self._store, job, owner=lease.owner, lease=lease.span, clock=self._clock)
        decoding = _Timed(recording)
        first = job.checkpoint.count
        self._left = recording.duration and recording.duration - job.checkpoint.position
        language, began = job.language, time.perf_counter()
        last = began
        waited = timedelta(milliseconds=prepared.download_ms)
        warnings = tuple(self._engine.unmet(options))
        for chunk in self._engine.transcribe(decoding, options, offset=job.checkpoint.position):
            language = chunk.language or language
            now = time.perf_counter()
            self._observe(now - last, chunk.end - progress.job.checkpoint.position)
            decoded = decoding.take()
            timings = spent(
                progress.job,
                download_ms=waited,
                decode_ms=timedelta(seconds=decoded),
                transcribe_ms=timedelta(seconds=max(0.0, now - last - decoded)),
            )
            waited = timedelta(0)
            duration = recording.duration
            progress.advance(
                chunk=Chunk(first, chunk.segments),
                checkpoint=Checkpoint(chunk.end, first + len(chunk.segments)),
                progress=_percent(chunk.end, duration),
                stage="transcribing",
                engine=self._engine.name,
                language=language,
                duration=duration,
                timings=timings,
                warnings=warnings,
            )
            first += len(chunk.segments)
            self._left = duration and max(0.0, duration - chunk.end)
            last = time.perf_counter()
            lease.check()
        self._finish(progress, recording, warnings, first)

    def _finish(self, progress: Progress, recording: Recording, warnings: tuple[str, ...], count: int) -> None:
        job = progress.job
        progress.finish(
            engine=self._engine.name,
            duration=round(recording.decoded, 3),
            warnings=warnings + tuple(recording.warnings),
            timings=job.timings,
            result={"segments": count},
        )

    def _observe(self, seconds: float, audio: float) -> None:
        if audio > 0:
            self._speed = 0.7 * self._speed + 0.3 * max(0.0, seconds) / audio


class _Timed:
    """Passes blocks on and counts the seconds that were spent waiting for them."""

    def __init__(self, blocks: Recording) -> None:
        self._blocks = blocks
        self._taken = 0.0

    def __iter__(self) -> Iterator[np.ndarray]:
        blocks = iter(self._blocks)
        while True:
            started = time.perf_counter()
            block = next(blocks, None)
            self._taken += time.perf_counter() - started
            if block is None:
                return
            yield block

    def take(self) -> float:
        """The seconds since the last call."""
        taken, self._taken = self._taken, 0.0
        return taken


def _check(job: Job, sha256: str) -> None:
    declared = (job.options.get("upload") or {}).get("sha256")
    if declared and declared != sha256:
        raise MediaError("The file is not the one whose SHA-256 was declared.", code="checksum_mismatch")


def _percent(position: float, duration: float | None) -> int:
    return 0 if not duration else min(99, int(100 * position / duration))


def options_of(job: Job) -> TranscriptionOptions:
    """The job's own options as the engine takes them; what else the job keeps is left out."""
    known = {f.name for f in fields(TranscriptionOptions)} - {"vad"}
    given = {name: value for name, value in job.options.items() if name in known}
    if job.checkpoint.position and job.language:  # what was detected in the first part holds for the rest
        given["language"] = job.language
    return TranscriptionOptions(**given, vad=Vad(**job.options.get("vad", {})))

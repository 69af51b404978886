"""The recording of a job, brought here and decoded; shared by all work that listens to one."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, Protocol

from antiphon.platform.clock import Clock
from antiphon.platform.errors import MediaError, NotFound
from antiphon.speech.decoded import decoded
from antiphon.speech.model import Job, Source
from antiphon.speech.ports import JobStore, Objects
from antiphon.speech.progress import Progress
from antiphon.work.lease import Lease

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

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

    @property
    def path(self) -> Path:
        return self.folder / "recording"


class Recordings:
    def __init__(self, *, store: JobStore, objects: Objects, decode: Decode, work_dir: Path, clock: Clock) -> None:
        self._store = store
        self._objects = objects
        self._decode = decode
        self._work_dir = work_dir
        self._clock = clock

    def prepare(self, job: Job, position: float) -> Prepared | None:
        """The file here, and its decoder started. What is wrong with it is said when the job is run."""
        if job.source is None:
            return None
        started = time.perf_counter()
        prepared = Prepared(job.source, position, Path(tempfile.mkdtemp(dir=self._work_dir)), 0)
        try:
            source = job.source
            self._objects.download(source.bucket, source.key, str(prepared.path), version=source.version)
            prepared.download_ms = round((time.perf_counter() - started) * 1000)
            with prepared.path.open("rb") as file:
                prepared.sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            opened = self._decode(prepared.path, prepared.position)
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

    @contextmanager
    def held(self, job: Job, lease: Lease, prepared: Prepared | None, position: float) -> Iterator[Prepared]:
        """The prepared recording, or another where it is not that of the job any more; gone at the end. What is no recording is put aside."""
        if prepared and (prepared.source, prepared.position) != (job.source, position):
            self.discard(prepared)
            prepared = None
        try:
            lease.check()
            if "rejected" in job.result:
                self._put_aside(job)
            prepared = prepared or self.prepare(job, position)
            if prepared is None:
                raise NotFound("The job has no recording.")
            if prepared.error:
                raise prepared.error
            yield prepared
        except MediaError as error:
            if error.code in REJECTED and "rejected" not in job.result:
                progress = Progress(self._store, job, owner=lease.owner, lease=lease.span, clock=self._clock)
                progress.advance(quiet=True, result={"rejected": {"code": error.code, "detail": error.detail}})
                self._put_aside(progress.job)
            raise
        finally:
            self.discard(prepared)

    @contextmanager
    def whole(self, prepared: Prepared, lease: Lease) -> Iterator[NDArray[np.float32]]:
        """All of it from the beginning, float32, mono, 16 kHz, in a file beside it, of which only what is looked at is in memory."""
        with (
            self._decode(prepared.path, 0.0) as recording,
            decoded(recording, prepared.folder / "samples", lease.check) as samples,
        ):
            yield samples

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

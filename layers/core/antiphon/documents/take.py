"""One claimed document, from its upload to its pages in the table."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

from antiphon.documents.model import Page, Part, parts_of, words_in
from antiphon.documents.ports import DocumentPages
from antiphon.platform.clock import Clock
from antiphon.platform.errors import NotFound
from antiphon.speech.model import Job, Source, spent
from antiphon.speech.ports import JobStore, Objects
from antiphon.speech.progress import Progress
from antiphon.work.lease import Lease

ENGINES: Mapping[str, str] = MappingProxyType(
    {"pdf": "pdfium", "docx": "python-docx", "pptx": "python-pptx", "xlsx": "openpyxl", "html": "libxml2"}
)
"""What reads which format; plain text needs none."""
NO_TEXT = "The document holds no text: its pages may be scanned pictures."


class Pages(Protocol):
    """A document being read. ``format``: known at the end."""

    format: str

    def __iter__(self) -> Iterator[Page]: ...


class Open(Protocol):
    def __call__(self, path: Path, filename: str) -> AbstractContextManager[Pages]:
        """Begins to read. Raises DocumentError, also while the pages come."""


class TakeDocument:
    """A `work.worker.Work`. batch: parts that are written at once. Reading the same again writes the same: an attempt that ended in the middle costs time and nothing else."""

    def __init__(
        self,
        *,
        store: JobStore,
        pages: DocumentPages,
        objects: Objects,
        open: Open,
        work_dir: Path,
        clock: Clock,
        batch: int = 90,
    ) -> None:
        self._batch = batch
        self._store = store
        self._pages = pages
        self._objects = objects
        self._open = open
        self._work_dir = work_dir
        self._clock = clock

    def prepare(self, job: Job) -> None:
        """There is nothing worth doing before the claim."""

    def discard(self, prepared: Any) -> None:
        """Nothing was prepared."""

    def remaining(self) -> float | None:
        return None

    def run(self, job: Job, lease: Lease, prepared: Any) -> None:
        if job.source is None:
            raise NotFound("The document was never uploaded.")
        progress = Progress(self._store, job, owner=lease.owner, lease=lease.span, clock=self._clock)
        folder = Path(tempfile.mkdtemp(dir=self._work_dir))
        try:
            self._read(progress, lease, job.source, folder / "document")
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _read(self, progress: Progress, lease: Lease, source: Source, path: Path) -> None:
        began = time.perf_counter()
        self._objects.download(source.bucket, source.key, str(path), version=source.version)
        timings = spent(progress.job, download_ms=timedelta(seconds=time.perf_counter() - began))
        progress.advance(stage="reading", progress=10, timings=timings, quiet=True)
        began = time.perf_counter()
        with self._open(path, source.filename or "") as reading:
            count, words = self._write(progress, lease, reading)
        timings = spent(progress.job, read_ms=timedelta(seconds=time.perf_counter() - began))
        progress.finish(
            engine=ENGINES.get(reading.format),
            timings=timings,
            warnings=() if words else (NO_TEXT,),
            result={"format": reading.format, "pages": count, "words": words},
        )

    def _write(self, progress: Progress, lease: Lease, pages: Iterable[Page]) -> tuple[int, int]:
        """Gives the pages and the words."""
        waiting: list[Part] = []
        count = words = 0
        for page in pages:
            count, words = page.number, words + words_in(page.text)
            waiting += parts_of(page)
            if len(waiting) >= self._batch:
                lease.check()
                self._pages.write(progress.job, waiting)
                waiting = []
        lease.check()
        self._pages.write(progress.job, waiting)
        return count, words

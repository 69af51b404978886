"""Fake of the pages, for tests: it passes the same contract suite as the real adapter."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from antiphon.documents.model import Page, Part, pages_of
from antiphon.speech.model import Job, held
from antiphon.speech.ports import JobStore


class MemoryPages:
    def __init__(self, jobs: JobStore) -> None:
        self._jobs = jobs
        self._parts: dict[str, dict[tuple[int, int], Part]] = {}

    def write(self, job: Job, parts: Sequence[Part]) -> None:
        held(self._jobs.get(job.user_id, job.kind, job.id), job.lease_owner or "")
        self._parts.setdefault(job.id, {}).update({(p.page, p.index): p for p in parts})

    def parts(
        self, document_id: str, *, after: tuple[int, int] | None = None, page: int | None = None
    ) -> Iterator[Part]:
        for place, part in sorted(self._parts.get(document_id, {}).items()):
            if (after is None or place > after) and page in (None, part.page):
                yield part

    def pages(self, document_id: str) -> Iterator[Page]:
        return pages_of(self.parts(document_id))

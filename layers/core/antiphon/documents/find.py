"""Passages of the user's documents that fit a question."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from antiphon.documents.model import windows_of
from antiphon.documents.ports import DocumentPages
from antiphon.engines.chat import Source
from antiphon.engines.chat_offline import scored
from antiphon.platform.errors import Conflict, Field, NotFound
from antiphon.speech.model import Job, Kind, Status
from antiphon.speech.ports import JobStore

DOCUMENTS, WINDOWS = 20, 2_000
"""How much is looked through for one question: the newest documents, or those that are named; and of them, newest first, so many stretches."""


@dataclass(frozen=True)
class Passage:
    """``score``: BM25 over what was looked through; only its order means something."""

    document_id: str
    page: int
    text: str
    score: float

    @property
    def source(self) -> Source:
        return Source("document", self.document_id, self.text, page=self.page)


class FindPassages:
    def __init__(self, jobs: JobStore, pages: DocumentPages) -> None:
        self._jobs = jobs
        self._pages = pages

    def __call__(
        self, user_id: str, question: str, document_ids: Sequence[str] | None, most: int
    ) -> tuple[Passage, ...]:
        """The best first. document_ids: None for the newest. Raises NotFound, Conflict ``document_not_ready``."""
        jobs = self._newest(user_id) if document_ids is None else self._named(user_id, document_ids)
        found = list(islice((source for job in jobs for source in self._windows(job)), WINDOWS))
        best: list[Passage] = []
        for score, source in scored(question, found):
            # Two stretches that overlap say the same twice.
            if any(_overlap(source, known) for known in best):
                continue
            best.append(Passage(source.id, source.page or 1, source.text, round(score, 4)))
            if len(best) == most:
                break
        return tuple(best)

    def _windows(self, job: Job) -> Iterator[Source]:
        for page in self._pages.pages(job.id):
            for window in windows_of(page):
                yield Source("document", job.id, window.text, page=window.page)

    def _newest(self, user_id: str) -> Sequence[Job]:
        wanted = {"status": Status.SUCCEEDED.value}
        return self._jobs.list(user_id, Kind.DOCUMENT, limit=DOCUMENTS, filters=wanted).items

    def _named(self, user_id: str, document_ids: Sequence[str]) -> Sequence[Job]:
        found = []
        for place, document_id in enumerate(dict.fromkeys(document_ids)):
            job = self._jobs.get(user_id, Kind.DOCUMENT, document_id)
            if job is None:
                field = Field(f"document_ids[{place}]", "Take the id of a document of yours.")
                raise NotFound("There is no such document.", fields=(field,))
            if job.status is not Status.SUCCEEDED:
                raise Conflict(f"The document {job.id} is {job.status.value}.", code="document_not_ready")
            found.append(job)
        return found


def _overlap(source: Source, known: Passage) -> bool:
    if (source.id, source.page) != (known.document_id, known.page):
        return False
    edge = 60
    return source.text[:edge] in known.text or known.text[:edge] in source.text

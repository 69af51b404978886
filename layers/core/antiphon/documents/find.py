"""Passages of the user's documents that fit a question."""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from itertools import islice

from antiphon.documents.model import Page, pages_of, windows_of
from antiphon.documents.ports import DocumentPages, FoundPages
from antiphon.engines.chat import Source
from antiphon.engines.chat_offline import scored
from antiphon.platform.errors import Conflict, Field, NotFound
from antiphon.speech.model import Job, Kind, Status
from antiphon.speech.ports import JobStore

DOCUMENTS, WINDOWS, PAGES = 20, 2_000, 40
"""How much is looked through for one question: the newest documents, which the index may not have yet, or those that are named, and of them, newest first, so many
stretches; and so many pages more, which the index finds among all."""


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
    def __init__(self, jobs: JobStore, pages: DocumentPages, indexed: FoundPages) -> None:
        self._jobs = jobs
        self._pages = pages
        self._indexed = indexed

    def __call__(
        self, user_id: str, question: str, document_ids: Sequence[str] | None, most: int
    ) -> tuple[Passage, ...]:
        """The best first. document_ids: None for all. Raises NotFound, Conflict ``document_not_ready``."""
        jobs = self._newest(user_id) if document_ids is None else self._named(user_id, document_ids)
        found = list(islice((source for job in jobs for source in self._windows(job)), WINDOWS))
        known = {(source.id, source.page) for source in found}
        if len(found) == WINDOWS:  # of the last page perhaps not all
            known.discard((found[-1].id, found[-1].page))
        found += self._by_index(user_id, question, document_ids, known)
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
        return (source for page in self._pages.pages(job.id) for source in _stretches(job, page))

    def _by_index(
        self, user_id: str, question: str, document_ids: Sequence[str] | None, known: Container[tuple[str, int | None]]
    ) -> Iterator[Source]:
        """Of pages that are not known yet."""
        mine = cache(partial(self._jobs.get, user_id, Kind.DOCUMENT))
        wanted = [place for place in self._indexed(user_id, question, document_ids) if place not in known]
        for document_id, number in wanted[:PAGES]:
            job = mine(document_id)
            if job and job.status is Status.SUCCEEDED:
                for page in pages_of(self._pages.parts(document_id, page=number)):
                    yield from _stretches(job, page)

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


def _stretches(job: Job, page: Page) -> Iterator[Source]:
    return (Source("document", job.id, window.text, page=window.page) for window in windows_of(page))


def _overlap(source: Source, known: Passage) -> bool:
    if (source.id, source.page) != (known.document_id, known.page):
        return False
    edge = 60
    return source.text[:edge] in known.text or known.text[:edge] in source.text

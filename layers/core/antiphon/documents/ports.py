"""What the documents' use cases need from outside."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Protocol

from antiphon.documents.model import Page, Part
from antiphon.speech.model import Job


class DocumentPages(Protocol):
    """The text of documents. Whoever reads it has seen before whose document it is, and that it has succeeded."""

    def write(self, job: Job, parts: Sequence[Part]) -> None:
        """As long as ``job.lease_owner`` has the job; writing the same again changes nothing. Raises LeaseLost."""

    def parts(
        self, document_id: str, *, after: tuple[int, int] | None = None, page: int | None = None
    ) -> Iterator[Part]:
        """In order, read as they are taken. after: behind this (page, index); page: of this one only."""

    def pages(self, document_id: str) -> Iterator[Page]:
        """In order, read as they are taken."""


class FoundPages(Protocol):
    """The search index, as far as documents need it. It may be a moment behind, and name pages that are gone."""

    def __call__(self, user_id: str, text: str, documents: Collection[str] | None) -> Sequence[tuple[str, int]]:
        """Document and page of those that have words of the text, best first: of all that the user has, or of these documents."""

"""What users have, as search sees it: read from the stores of those who keep it."""

from __future__ import annotations

from collections.abc import Iterator

from antiphon.conversations.model import Message
from antiphon.conversations.ports import ConversationStore
from antiphon.documents.model import Page
from antiphon.documents.ports import DocumentPages
from antiphon.search.model import Errand, Kind, Line, Part, blocks
from antiphon.speech.model import Job, Status
from antiphon.speech.model import Kind as JobKind
from antiphon.speech.ports import JobStore
from antiphon.speech.shown import named

_JOBS = {Kind.TRANSCRIPT: JobKind.TRANSCRIPTION, Kind.DOCUMENT: JobKind.DOCUMENT}


class OwnMaterial:
    def __init__(self, conversations: ConversationStore, jobs: JobStore, pages: DocumentPages) -> None:
        self._conversations = conversations
        self._jobs = jobs
        self._pages = pages

    def parts(self, errand: Errand) -> Iterator[Part]:
        if errand.kind is Kind.MESSAGE:
            return self._exchange(errand)
        return self._transcript(errand) if errand.kind is Kind.TRANSCRIPT else self._document(errand)

    def part(self, user_id: str, kind: Kind, parent: str, key: str) -> Part | None:
        if kind is Kind.MESSAGE:
            message = self._conversations.message(parent, key)
            # A message outlives its conversation by as long as it takes to delete them all.
            return _said(message) if message and message.user_id == user_id else None
        job = self._done(user_id, parent, _JOBS[kind])
        if job is None:
            return None
        first = int(key.rpartition("#")[2])
        if kind is Kind.DOCUMENT:
            return _page(job, Page(first, "".join(part.text for part in self._pages.parts(parent, page=first))))
        return next(_blocks(job, self._lines(job, first)), None)

    def _exchange(self, errand: Errand) -> Iterator[Part]:
        if errand.id is None:
            messages = self._conversations.told(errand.parent)
        else:
            reply = self._conversations.message(errand.parent, errand.id)
            asked = self._conversations.message(errand.parent, reply.answers) if reply and reply.answers else None
            messages = iter([m for m in (asked, reply) if m])
        if self._conversations.get(errand.user_id, errand.parent) is not None:
            yield from (_said(m) for m in messages if m.user_id == errand.user_id and m.content)

    def _transcript(self, errand: Errand) -> Iterator[Part]:
        job = self._done(errand.user_id, errand.parent, JobKind.TRANSCRIPTION)
        return _blocks(job, self._lines(job, 0)) if job else iter(())

    def _document(self, errand: Errand) -> Iterator[Part]:
        job = self._done(errand.user_id, errand.parent, JobKind.DOCUMENT)
        return (_page(job, page) for page in self._pages.pages(job.id)) if job else iter(())

    def _done(self, user_id: str, job_id: str, kind: JobKind) -> Job | None:
        job = self._jobs.get(user_id, kind, job_id)
        return job if job and job.status is Status.SUCCEEDED else None

    def _lines(self, job: Job, first: int) -> Iterator[tuple[int, Line]]:
        for n in self._jobs.segments(job.id, after=first - 1):
            segment = named(n.segment, job.speakers)
            yield n.index, Line(segment.text.strip(), segment.start, segment.speaker)


def _said(message: Message) -> Part:
    return Part(Kind.MESSAGE, message.id, message.conversation_id, (Line(message.content),))


def _page(job: Job, page: Page) -> Part:
    lines = tuple(Line(text) for text in map(str.strip, page.text.split("\n")) if text)
    return Part(Kind.DOCUMENT, f"{job.id}#{page.number:05}", job.id, lines, page.number)


def _blocks(job: Job, lines: Iterator[tuple[int, Line]]) -> Iterator[Part]:
    for first, block in blocks(lines):
        yield Part(Kind.TRANSCRIPT, f"{job.id}#{first:05}", job.id, block)

"""What of the user's own material an answer may rest on: attached transcripts and documents, and what fits a question."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from antiphon.conversations.ports import ConversationStore
from antiphon.documents.model import windows_of
from antiphon.documents.ports import DocumentPages
from antiphon.engines.chat import Source, tokens_of
from antiphon.platform.errors import Field, Invalid
from antiphon.search.find import Find
from antiphon.speech.model import Job, Kind, Status
from antiphon.speech.ports import JobStore
from antiphon.speech.shown import named

FOUND = 20
_KINDS = {"transcription": Kind.TRANSCRIPTION, "document": Kind.DOCUMENT}
MESSAGES, TRANSCRIPTS, SEGMENTS = 200, 10, 2_000
"""How much is looked through for one question: the newest messages of the conversation, the newest transcripts, their segments together. All else is asked of the
index."""


class OwnPassages:
    """find: in what is too old, or too much, to be looked through."""

    def __init__(self, conversations: ConversationStore, jobs: JobStore, pages: DocumentPages, find: Find) -> None:
        self._conversations = conversations
        self._jobs = jobs
        self._pages = pages
        self._find = find

    def attached(self, user_id: str, parts: Sequence[Mapping[str, Any]], room: int) -> tuple[Source, ...]:
        """As much of each, from its beginning, as fits."""
        found: list[Source] = []
        share = room // max(1, sum(part["type"] in _KINDS for part in parts))
        for place, part in enumerate(parts):
            kind = _KINDS.get(part["type"])
            if kind is None:
                continue
            job = self._jobs.get(user_id, kind, part["id"])
            if job is None or job.status is not Status.SUCCEEDED:
                detail = f"Attach a {kind.value} of yours that has succeeded."
                raise Invalid(detail, code="unknown_attachment", fields=(Field(f"attachments[{place}].id", detail),))
            left = share
            for source in self._of(job, None) if kind is Kind.TRANSCRIPTION else self._windows(job):
                left -= tokens_of(source.text + source.label)
                if left < 0:
                    break
                found.append(source)
        return tuple(found)

    def fitting(self, user_id: str, conversation_id: str, question: str, before: str) -> tuple[Source, ...]:
        said = islice(self._conversations.history(conversation_id, before), MESSAGES)
        found = [Source("message", m.id, m.content) for m in said if m.role == "user" and m.content]
        jobs = self._jobs.list(
            user_id, Kind.TRANSCRIPTION, limit=TRANSCRIPTS, filters={"status": Status.SUCCEEDED.value}
        ).items
        left = SEGMENTS
        for job in jobs:
            own = list(self._of(job, left))
            left -= len(own)
            found += own
            if left <= 0:
                break
        return (*found, *self._find.passages(user_id, question, FOUND, without=before))

    def _windows(self, job: Job) -> Iterator[Source]:
        for page in self._pages.pages(job.id):
            for window in windows_of(page):
                yield Source("document", job.id, window.text, page=window.page)

    def _of(self, job: Job, limit: int | None) -> list[Source]:
        return [
            Source("transcript", job.id, segment.text, segment.start, segment.speaker)
            for n in self._jobs.segments(job.id, limit=limit)
            for segment in (named(n.segment, job.speakers),)
        ]

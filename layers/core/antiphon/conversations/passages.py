"""What of the user's own material an answer may rest on: attached transcripts, recordings and documents, and what fits a question."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from typing import Any

from antiphon.conversations.ports import ConversationStore
from antiphon.documents.model import windows_of
from antiphon.documents.ports import DocumentPages
from antiphon.engines.chat import Source, tokens_of
from antiphon.media.items import MediaStore
from antiphon.platform.errors import Conflict, Field, Invalid
from antiphon.search.find import Find
from antiphon.speech.model import Job, Kind, Status
from antiphon.speech.ports import JobStore
from antiphon.speech.shown import named

FOUND = 20
RECORDINGS = 100
"""Transcriptions among which that of an attached recording is looked for: the newest."""
_KINDS = {"transcription": Kind.TRANSCRIPTION, "document": Kind.DOCUMENT, "audio": Kind.TRANSCRIPTION}
MESSAGES, TRANSCRIPTS, SEGMENTS = 200, 10, 2_000
"""How much is looked through for one question: the newest messages of the conversation, the newest transcripts, their segments together. All else is asked of the
index."""


class OwnPassages:
    """find: in what is too old, or too much, to be looked through."""

    def __init__(
        self, conversations: ConversationStore, jobs: JobStore, media: MediaStore, pages: DocumentPages, find: Find
    ) -> None:
        self._conversations = conversations
        self._jobs = jobs
        self._media = media
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
            find = self._heard if part["type"] == "audio" else partial(self._done, kind)
            job = find(user_id, part["id"], place)
            left = share
            for source in self._of(job, None) if kind is Kind.TRANSCRIPTION else self._windows(job):
                left -= tokens_of(source.text + source.label)
                if left < 0:
                    break
                found.append(source)
        return tuple(found)

    def _done(self, kind: Kind, user_id: str, job_id: str, place: int) -> Job:
        job = self._jobs.get(user_id, kind, job_id)
        if job is None or job.status is not Status.SUCCEEDED:
            raise _unknown(f"Attach a {kind.value} of yours that has succeeded.", place)
        return job

    def _heard(self, user_id: str, media_id: str, place: int) -> Job:
        """The newest transcription of a recording."""
        media = self._media.get(user_id, media_id)
        if media is None or media.source is None:
            raise _unknown("Attach the id of a recording of yours, as POST /v1/uploads gave it.", place)
        there = (media.source.bucket, media.source.key)
        newest = self._jobs.list(user_id, Kind.TRANSCRIPTION, limit=RECORDINGS).items
        of_it = [job for job in newest if job.source and (job.source.bucket, job.source.key) == there]
        done = next((job for job in of_it if job.status is Status.SUCCEEDED), None)
        if done is None:
            way = (
                "Its transcription is on the way; repeat when it has succeeded."
                if any(not job.terminal for job in of_it)
                else 'It is not transcribed yet: POST /v1/transcriptions {"media_id": …} first, or send it to POST '
                "/v1/conversations/{id}/runs, which hears it and then answers."
            )
            raise Conflict(way, code="recording_not_transcribed", fields=(Field(f"attachments[{place}].id", way),))
        return done

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


def _unknown(detail: str, place: int) -> Invalid:
    return Invalid(detail, code="unknown_attachment", fields=(Field(f"attachments[{place}].id", detail),))

"""What of the user's own material an answer may rest on: attached transcripts, and what fits a question."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from antiphon.conversations.ports import ConversationStore
from antiphon.engines.chat import Source, tokens_of
from antiphon.platform.errors import Field, Invalid
from antiphon.speech.model import Job, Kind, Status
from antiphon.speech.ports import JobStore

MESSAGES, TRANSCRIPTS, SEGMENTS = 200, 10, 2_000
"""How much is looked through for one question: the newest messages of the conversation, the newest transcripts, their segments together."""


class OwnPassages:
    def __init__(self, conversations: ConversationStore, jobs: JobStore) -> None:
        self._conversations = conversations
        self._jobs = jobs

    def attached(self, user_id: str, transcription_ids: Sequence[str], room: int) -> tuple[Source, ...]:
        """As many segments of each, from its beginning, as fit."""
        found: list[Source] = []
        share = room // max(1, len(transcription_ids))
        for place, job_id in enumerate(transcription_ids):
            job = self._jobs.get(user_id, Kind.TRANSCRIPTION, job_id)
            if job is None or job.status is not Status.SUCCEEDED:
                detail = "Attach a transcription of yours that has succeeded."
                raise Invalid(detail, code="unknown_attachment", fields=(Field(f"attachments[{place}].id", detail),))
            left = share
            for source in self._of(job, None):
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
        return tuple(found)

    def _of(self, job: Job, limit: int | None) -> list[Source]:
        return [
            Source("transcript", job.id, n.segment.text, n.segment.start, n.segment.speaker)
            for n in self._jobs.segments(job.id, limit=limit)
        ]

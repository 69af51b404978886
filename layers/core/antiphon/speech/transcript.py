"""A finished job and its segments as the transcript that the renderers take."""

from __future__ import annotations

from collections.abc import Iterable

from antiphon.speech.model import Job
from antiphon.speech.ports import Numbered
from antiphon.speech.render import IndexedSegment, Transcript


def transcript_of(job: Job, segments: Iterable[Numbered]) -> Transcript:
    indexed = tuple(
        IndexedSegment(
            index=n.index,
            start=n.segment.start,
            end=n.segment.end,
            text=n.segment.text,
            speaker=n.segment.speaker,
            confidence=n.segment.confidence,
            words=n.segment.words,
        )
        for n in segments
    )
    text = " ".join(s.text.strip() for s in indexed if s.text.strip())
    return Transcript(
        id=job.id, text=text, language=job.language, duration=job.duration, engine=job.engine, segments=indexed
    )

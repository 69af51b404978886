"""A finished job and its segments as the transcript that the renderers take, with the owner's names and corrections."""

from __future__ import annotations

from collections.abc import Iterable

from antiphon.speech.model import Job
from antiphon.speech.ports import Numbered
from antiphon.speech.render import IndexedSegment, Transcript
from antiphon.speech.shown import named


def transcript_of(job: Job, segments: Iterable[Numbered]) -> Transcript:
    indexed = tuple(
        IndexedSegment(
            index=n.index,
            start=segment.start,
            end=segment.end,
            text=segment.text,
            speaker=segment.speaker,
            confidence=segment.confidence,
            words=segment.words,
            machine_text=n.machine_text,
            speaker_label=n.segment.speaker,
            chars=segment.chars,
        )
        for n in segments
        for segment in (named(n.segment, job.speakers),)
    )
    text = " ".join(s.text.strip() for s in indexed if s.text.strip())
    return Transcript(
        id=job.id, text=text, language=job.language, duration=job.duration, engine=job.engine, segments=indexed
    )

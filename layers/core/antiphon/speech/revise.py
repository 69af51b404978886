"""Names of speakers and corrections of texts, laid beside what the engine heard."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from antiphon.platform.clock import Clock
from antiphon.platform.errors import Field, Invalid, NotFound
from antiphon.platform.ids import new_id
from antiphon.speech import model
from antiphon.speech.model import Change, Job, Kind
from antiphon.speech.ports import NO_TEXTS, JobStore, Texts
from antiphon.speech.retrying import change


@dataclass(frozen=True)
class Revision:
    """``speakers``: names by the engine's labels; ``texts``: by the segments' indices. None takes a name or a correction back."""

    title: str | None = None
    speakers: Mapping[str, str | None] = field(default_factory=dict)
    texts: Texts = field(default_factory=dict)


class Revise:
    def __init__(self, *, jobs: JobStore, clock: Clock) -> None:
        self._jobs = jobs
        self._clock = clock

    def __call__(self, user_id: str, job_id: str, wanted: Revision) -> Job:
        """All of it or nothing, whatever else changes the job meanwhile. Needs neither queue nor engine. Raises NotFound, Invalid."""
        if self._jobs.get(user_id, Kind.TRANSCRIPTION, job_id) is None:
            raise NotFound("There is no such transcription.")
        texts = self._checked(job_id, wanted.texts)
        revision = new_id("evt")

        def decide(job: Job) -> Change | None:
            return model.revise(
                job,
                self._clock(),
                revision=revision,
                title=wanted.title,
                speakers=wanted.speakers,
                corrected=bool(texts),
            )

        return change(self._jobs, user_id, Kind.TRANSCRIPTION, job_id, decide, texts=texts)

    def _checked(self, job_id: str, texts: Texts) -> Texts:
        """The engine's own text is no correction. Raises Invalid for segments that are not there."""
        if not texts:
            return NO_TEXTS
        heard: dict[int, str] = {}
        for numbered in self._jobs.segments(job_id, after=min(texts) - 1):
            if numbered.index > max(texts):
                break
            heard[numbered.index] = numbered.machine_text or numbered.segment.text
        missing = [place for place, index in enumerate(texts) if index not in heard]
        if missing:
            raise Invalid(
                "There are no such segments.",
                code="no_such_segment",
                fields=tuple(Field(f"segments.{place}.index", "is of no segment") for place in missing),
            )
        return {index: None if text == heard[index] else text for index, text in texts.items()}

"""WhisperX's steps as jobs of their own: words of a text aligned to a recording, the speakers of a recording, speakers laid over a text."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from antiphon.platform.errors import Conflict, Field, NotFound
from antiphon.platform.request import Caller
from antiphon.speech.metering import QuotaExceeded
from antiphon.speech.model import Job, Kind, Source, Status
from antiphon.speech.submit import NewJob, Submit, check_file, job_id_of

JSON = "application/json"


@dataclass(frozen=True)
class Given:
    """What a step works on beside a recording: segments and turns as JSON has them, or the jobs that made them."""

    segments: Sequence[Mapping[str, Any]] | None = None
    turns: Sequence[Mapping[str, Any]] | None = None
    transcription_id: str | None = None
    alignment_id: str | None = None
    diarization_id: str | None = None


class SubmitStep(Submit):
    def __call__(self, kind: Kind, caller: Caller, new: NewJob, given: Given, seed: str | None = None) -> Job:
        """Without a file or a media item the recording is that of the transcription. Raises NotFound, Conflict (what it works on is not there
        yet), TooLarge, Unsupported, QuotaExceeded."""
        options, job_id = dict(new.options), job_id_of(seed)
        for name, of in (
            ("transcription_id", Kind.TRANSCRIPTION),
            ("alignment_id", Kind.ALIGNMENT),
            ("diarization_id", Kind.DIARIZATION),
        ):
            if wanted := getattr(given, name):
                self._ended(caller, of, wanted, name)
                options[name] = wanted
        source = self._recording(kind, caller, new, given, options, job_id)
        body = json.dumps({"segments": given.segments, "turns": given.turns}).encode()
        own = given.segments is not None or given.turns is not None or kind is Kind.ASSIGNMENT
        key = f"texts/{caller.user_id}/{job_id}.json"
        if own:
            # A row may hold 400 KB; and a retry needs it again.
            self._objects.put(self._bucket, key, body, content_type=JSON)
            options["input"] = {"bucket": self._bucket, "key": key}
        if kind is Kind.ASSIGNMENT:
            source = Source(self._bucket, key, size=len(body), content_type=JSON, filename="input.json")
        try:
            return self._create(kind, caller, new, options, source, seed, job_id).job
        except QuotaExceeded:
            if own:
                self._objects.delete(self._bucket, key)
            raise

    def _recording(
        self, kind: Kind, caller: Caller, new: NewJob, given: Given, options: dict[str, Any], job_id: str
    ) -> Source | None:
        if kind is Kind.ASSIGNMENT:
            return None
        if new.media_id:
            return self._source(caller, new.media_id)
        if new.file:
            check_file(new.file, caller.tier, text=False)
            options["upload"] = self._wanted(caller, job_id, new.file)
            return None
        job = self._ended(caller, Kind.TRANSCRIPTION, given.transcription_id or "", "transcription_id")
        options["borrowed"] = True
        return job.source

    def _ended(self, caller: Caller, kind: Kind, job_id: str, field: str) -> Job:
        job = self._jobs.get(caller.user_id, kind, job_id)
        if job is None:
            raise NotFound(f"There is no such {kind.value}.", fields=(Field(field, "Names no job of yours."),))
        if job.status is not Status.SUCCEEDED:
            raise Conflict(f"The {kind.value} is {job.status.value}; it must have succeeded.", code="result_not_ready")
        return job

"""``transcribe`` and ``speak``: start a job as the API does, and wait for its end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from antiphon.engines.chat import Source
from antiphon.platform.request import Caller
from antiphon.runs.model import MAX_RESULT, Run
from antiphon.runs.ports import Result, Waiting
from antiphon.runs.tools import Arguments, parsed, schema_of, seed_of
from antiphon.speech.model import Job, Kind, Status
from antiphon.speech.ports import JobStore
from antiphon.speech.submit import NewJob, Submit


class TranscribeArguments(Arguments):
    media_id: Annotated[str, Field(pattern=r"^med_[0-9A-HJKMNP-TV-Z]{26}$", description="Of an uploaded recording.")]
    language: Annotated[str | None, Field(pattern=r"^[A-Za-z]{2,3}$", description="Its language, such as en.")] = None
    diarize: Annotated[bool, Field(description="Whether to tell speakers apart.")] = False


class TranscribeTool:
    name = "transcribe"
    description = "Transcribes an uploaded recording and gives its text. Takes a while."
    parameters = schema_of(TranscribeArguments)

    def __init__(self, submit: Submit, jobs: JobStore) -> None:
        self._submit = submit
        self._jobs = jobs

    def call(self, run: Run, arguments: Mapping[str, Any], seed: str) -> Result | Waiting:
        asked = parsed(TranscribeArguments, arguments)
        options: dict[str, Any] = {"task": "transcribe", "diarize": asked.diarize, "align": True}
        if asked.language:
            options["language"] = asked.language
        wanted = NewJob(
            options=options, metadata={"run_id": run.id}, media_id=asked.media_id, request_id=run.request_id
        )
        job = self._submit.transcription(Caller(run.user_id, run.tier), wanted, seed_of(run.id, seed)).job
        return Waiting(job.id, {"transcription_id": job.id, "link": f"/v1/transcriptions/{job.id}"})

    def check(self, run: Run, waits_for: str) -> Result | None:
        job = self._jobs.get(run.user_id, Kind.TRANSCRIPTION, waits_for)
        if job is None or not job.terminal:
            return None if job else Result("The transcription was deleted.", failed=True)
        if job.status is not Status.SUCCEEDED:
            return _failed(job)
        text, sources = "", []
        for numbered in self._jobs.segments(job.id):
            segment = numbered.segment
            if len(text) + len(segment.text) > MAX_RESULT:
                break
            text += segment.text.strip() + " "
            sources.append(Source("transcript", job.id, segment.text.strip(), segment.start, segment.speaker))
        return Result(text.strip() or "Nothing is said in it.", sources=tuple(sources))


class SpeakArguments(Arguments):
    text: Annotated[str, Field(min_length=1, max_length=20_000, description="What to say.")]
    voice: Annotated[str | None, Field(max_length=200, description="A voice; the deployment's first if left out.")] = (
        None
    )
    format: Annotated[Literal["mp3", "opus", "aac", "flac", "wav", "pcm"], Field(description="Of the file.")] = "mp3"


class SpeakTool:
    """voice: the one that speaks where none is named."""

    name = "speak"
    description = "Speaks a text into an audio file that the user can play. Takes a while."
    parameters = schema_of(SpeakArguments)

    def __init__(self, submit: Submit, jobs: JobStore, voice: str) -> None:
        self._submit = submit
        self._jobs = jobs
        self._voice = voice

    def call(self, run: Run, arguments: Mapping[str, Any], seed: str) -> Result | Waiting:
        asked = parsed(SpeakArguments, arguments)
        options = {"voice": asked.voice or self._voice, "format": asked.format, "speed": 1.0}
        wanted = NewJob(options=options, metadata={"run_id": run.id}, text=asked.text, request_id=run.request_id)
        job = self._submit.speech(Caller(run.user_id, run.tier), wanted, seed_of(run.id, seed)).job
        return Waiting(job.id, {"speech_id": job.id, "link": f"/v1/speech/{job.id}"})

    def check(self, run: Run, waits_for: str) -> Result | None:
        job = self._jobs.get(run.user_id, Kind.SPEECH, waits_for)
        if job is None or not job.terminal:
            return None if job else Result("The speech was deleted.", failed=True)
        if job.status is not Status.SUCCEEDED:
            return _failed(job)
        part = {"type": "audio", "speech_id": job.id, "format": job.options.get("format"), "duration": job.duration}
        return Result(f"Spoken as {job.id}, {job.duration or 0:.1f} seconds.", {"parts": [part]})


def _failed(job: Job) -> Result:
    code = job.error.code if job.error else job.status.value
    why = job.error.detail if job.error else f"It was {job.status.value}."
    return Result(why, {"code": code}, failed=True)

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from shapes import Language, NewTranscription, TranscriptionChange
from wiring import Wiring

from antiphon.platform.cursors import decode_cursor, encode_cursor
from antiphon.platform.errors import Conflict, NotFound
from antiphon.platform.request import Caller
from antiphon.platform.web import caller, seed_of
from antiphon.speech import model
from antiphon.speech.again import retry_by
from antiphon.speech.arrive import clean_filename
from antiphon.speech.fetch import filename_of
from antiphon.speech.model import Job, Kind, Status
from antiphon.speech.render import RenderOptions, render
from antiphon.speech.retrying import change
from antiphon.speech.revise import Revision
from antiphon.speech.submit import FileToCome, NewJob
from antiphon.speech.transcript import transcript_of
from antiphon.speech.view import job_view, segment_view

Me = Annotated[Caller, Depends(caller)]
Id = Annotated[str, Path(max_length=64)]
Limit = Annotated[int, Query(ge=1, le=100)]
Cursor = Annotated[str | None, Query(max_length=500)]
KIND = Kind.TRANSCRIPTION


def _audio_url(wiring: Wiring, job: Job) -> str | None:
    """Where the recording can be heard, once it is there and was found to be one."""
    source = job.source
    if source is None or job.status is not Status.SUCCEEDED:
        return None
    kind = source.content_type or ""
    return wiring.objects.presign_get(
        source.bucket,
        source.key,
        filename=source.filename or job.id,
        content_type=kind if kind.startswith(("audio/", "video/")) else "application/octet-stream",
    )


def transcription_routes(wiring: Wiring) -> APIRouter:
    routes = APIRouter(prefix="/transcriptions", tags=["transcriptions"])

    def find(me: Caller, job_id: str) -> Job:
        job = wiring.jobs.get(me.user_id, KIND, job_id)
        if job is None:
            raise NotFound("There is no such transcription.")
        return job

    def shown(job: Job, *, joined: bool = False) -> dict[str, Any]:
        upload, heard = wiring.submit.upload(job), _audio_url(wiring, job)
        return job_view(job, upload=upload, audio_url=heard, joined=joined, outlook=wiring.outlooks.of(job))

    @routes.post("", status_code=201)
    def create(
        new: NewTranscription, request: Request, response: Response, me: Me, dry_run: bool = False
    ) -> dict[str, Any]:
        """With ``dry_run`` nothing is started: the answer is what it would cost, and when it would be done."""
        if new.callback_url:
            wiring.guard.check_syntax(new.callback_url)
        if new.url:
            wiring.guard.check_syntax(new.url, "url")
        file = (
            FileToCome(clean_filename(new.filename), new.content_type, new.size, new.sha256)
            if new.filename and new.content_type and new.size
            else None
        )
        wanted = NewJob(
            options=new.options(),
            metadata=new.metadata,
            title=new.title or (file.filename if file else filename_of(new.url) if new.url else None),
            callback_url=new.callback_url,
            file=file,
            media_id=new.media_id,
            url=new.url,
            request_id=request.state.request_id,
            dedupe=new.dedupe,
        )
        if dry_run:
            response.status_code = 200
            return wiring.estimate(me, KIND, wanted)
        submitted = wiring.submit.transcription(me, wanted, seed_of(request))
        response.headers["Location"] = f"/v1/transcriptions/{submitted.job.id}"
        return shown(submitted.job, joined=submitted.joined)

    @routes.get("")
    def listed(
        me: Me,
        limit: Limit = 20,
        cursor: Cursor = None,
        status: Status | None = None,
        language: Annotated[Language | None, Query()] = None,
    ) -> dict[str, Any]:
        filters = {
            name: value for name, value in (("status", status and status.value), ("language", language)) if value
        }
        scope = (me.user_id, "transcriptions", *filters.values())
        page = wiring.jobs.list(me.user_id, KIND, limit=limit, position=decode_cursor(cursor, *scope), filters=filters)
        return {
            "data": [job_view(j) for j in page.items],
            "next_cursor": page.position and encode_cursor(page.position, *scope),
        }

    @routes.get("/{job_id}")
    def one(job_id: Id, me: Me) -> dict[str, Any]:
        return shown(find(me, job_id))

    @routes.patch("/{job_id}")
    def revise(job_id: Id, wanted: TranscriptionChange, me: Me) -> dict[str, Any]:
        """Names and corrections, kept beside what the engine heard; every format shows them at once."""
        texts = {correction.index: correction.text for correction in wanted.segments}
        return shown(wiring.revise(me.user_id, job_id, Revision(wanted.title, wanted.speakers, texts)))

    @routes.get("/{job_id}/segments")
    def segments(
        job_id: Id,
        me: Me,
        limit: Limit = 20,
        cursor: Cursor = None,
        after: Annotated[int | None, Query(ge=-1, le=10**9)] = None,
    ) -> dict[str, Any]:
        job = find(me, job_id)
        scope = (me.user_id, job.id, "segments")
        position = decode_cursor(cursor, *scope)
        start = int(position) if position is not None else (-1 if after is None else after)
        found = list(wiring.jobs.segments(job.id, after=start, limit=limit + 1))
        shown_now = found[:limit]
        more = encode_cursor(str(shown_now[-1].index), *scope) if len(found) > limit else None
        return {"data": [segment_view(job, n) for n in shown_now], "next_cursor": more}

    @routes.get("/{job_id}/transcript")
    def transcript(
        job_id: Id,
        me: Me,
        format: Literal["json", "txt", "srt", "vtt", "tsv", "aud", "md"] = "json",
        max_line_width: Annotated[int | None, Query(ge=10, le=1000)] = None,
        max_line_count: Annotated[int | None, Query(ge=1, le=10)] = None,
        highlight_words: bool = False,
        speaker_labels: bool = True,
    ) -> Response:
        job = find(me, job_id)
        if job.status is not Status.SUCCEEDED:
            raise Conflict(
                f"The transcription is {job.status.value}. What is there already can be read at /v1/transcriptions/{job.id}/segments.",
                code="transcript_not_ready",
            )
        options = RenderOptions(
            max_line_width=max_line_width,
            max_line_count=max_line_count,
            highlight_words=highlight_words,
            speaker_labels=speaker_labels,
        )
        rendered = render(format, transcript_of(job, wiring.jobs.segments(job.id)), options)
        return Response(rendered.body, media_type=rendered.content_type)

    @routes.post("/{job_id}/cancel")
    def cancel(job_id: Id, me: Me) -> dict[str, Any]:
        return shown(change(wiring.jobs, me.user_id, KIND, job_id, lambda job: model.cancel(job, wiring.clock())))

    @routes.post("/{job_id}/retry")
    def retry(job_id: Id, me: Me) -> dict[str, Any]:
        return shown(change(wiring.jobs, me.user_id, KIND, job_id, retry_by(me, wiring.clock)))

    @routes.delete("/{job_id}")
    def delete(job_id: Id, me: Me) -> dict[str, Any]:
        receipt = wiring.remove(me.user_id, KIND, job_id)
        return {
            "id": receipt.id,
            "deleted": True,
            "rows": receipt.rows,
            "objects": receipt.objects,
            "versions": receipt.versions,
        }

    return routes

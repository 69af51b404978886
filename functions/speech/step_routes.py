"""WhisperX's steps on their own: alignments, diarizations and speaker assignments, in the shape of jobs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from shapes import NewAlignment, NewAssignment, NewDiarization
from wiring import Wiring

from antiphon.platform.cursors import decode_cursor, encode_cursor
from antiphon.platform.errors import NotFound
from antiphon.platform.request import Caller
from antiphon.platform.web import caller, seed_of
from antiphon.speech import model
from antiphon.speech.again import retry_by
from antiphon.speech.arrive import clean_filename
from antiphon.speech.model import PLACES, RESULTS, Job, Kind, Status
from antiphon.speech.ports import Numbered
from antiphon.speech.retrying import change
from antiphon.speech.steps import Given
from antiphon.speech.submit import FileToCome, NewJob
from antiphon.speech.view import job_view, segment_view, turn_view

Me = Annotated[Caller, Depends(caller)]
Id = Annotated[str, Path(max_length=64)]
Limit = Annotated[int, Query(ge=1, le=100)]
Cursor = Annotated[str | None, Query(max_length=500)]


def alignment_routes(wiring: Wiring) -> APIRouter:
    routes = _jobs(wiring, Kind.ALIGNMENT, segment_view)

    @routes.post("", status_code=201)
    def create(new: NewAlignment, request: Request, response: Response, me: Me) -> dict[str, Any]:
        given = Given(
            segments=None if new.segments is None else [s.model_dump() for s in new.segments],
            transcription_id=new.transcription_id,
        )
        return _created(wiring, Kind.ALIGNMENT, new, given, request, response, me)

    return routes


def diarization_routes(wiring: Wiring) -> APIRouter:
    routes = _jobs(wiring, Kind.DIARIZATION, lambda _, numbered: turn_view(numbered))

    @routes.post("", status_code=201)
    def create(new: NewDiarization, request: Request, response: Response, me: Me) -> dict[str, Any]:
        given = Given(transcription_id=new.transcription_id)
        return _created(wiring, Kind.DIARIZATION, new, given, request, response, me)

    return routes


def assignment_routes(wiring: Wiring) -> APIRouter:
    routes = _jobs(wiring, Kind.ASSIGNMENT, segment_view)

    @routes.post("", status_code=201)
    def create(new: NewAssignment, request: Request, response: Response, me: Me) -> dict[str, Any]:
        given = Given(
            segments=None if new.segments is None else [s.model_dump() for s in new.segments],
            turns=None if new.turns is None else [t.model_dump() for t in new.turns],
            transcription_id=new.transcription_id,
            alignment_id=new.alignment_id,
            diarization_id=new.diarization_id,
        )
        return _created(wiring, Kind.ASSIGNMENT, new, given, request, response, me)

    return routes


def _created(
    wiring: Wiring,
    kind: Kind,
    new: NewAlignment | NewDiarization | NewAssignment,
    given: Given,
    request: Request,
    response: Response,
    me: Caller,
) -> dict[str, Any]:
    if new.callback_url:
        wiring.guard.check_syntax(new.callback_url)
    file = None
    if not isinstance(new, NewAssignment) and new.filename and new.content_type and new.size:
        file = FileToCome(clean_filename(new.filename), new.content_type, new.size)
    wanted = NewJob(
        options=new.options(),
        metadata=new.metadata,
        title=new.title or (file.filename if file else None),
        callback_url=new.callback_url,
        file=file,
        media_id=None if isinstance(new, NewAssignment) else new.media_id,
        request_id=request.state.request_id,
    )
    job = wiring.steps(kind, me, wanted, given, seed_of(request))
    response.headers["Location"] = f"/v1/{PLACES[kind]}/{job.id}"
    return job_view(job, upload=wiring.submit.upload(job))


def _jobs(wiring: Wiring, kind: Kind, view: Callable[[Job, Numbered], dict[str, Any]]) -> APIRouter:
    """What can be done with a job of any of the kinds, and its result. view: of one piece of that."""
    place, result = PLACES[kind], RESULTS[kind]
    routes = APIRouter(prefix=f"/{place}", tags=[place])

    def find(me: Caller, job_id: str) -> Job:
        job = wiring.jobs.get(me.user_id, kind, job_id)
        if job is None:
            raise NotFound(f"There is no such {kind.value}.")
        return job

    def shown(job: Job) -> dict[str, Any]:
        return job_view(job, upload=wiring.submit.upload(job))

    @routes.get("")
    def listed(me: Me, limit: Limit = 20, cursor: Cursor = None, status: Status | None = None) -> dict[str, Any]:
        filters = {"status": status.value} if status else {}
        scope = (me.user_id, place, *filters.values())
        page = wiring.jobs.list(me.user_id, kind, limit=limit, position=decode_cursor(cursor, *scope), filters=filters)
        return {
            "data": [job_view(job) for job in page.items],
            "next_cursor": page.position and encode_cursor(page.position, *scope),
        }

    @routes.get("/{job_id}")
    def one(job_id: Id, me: Me) -> dict[str, Any]:
        return shown(find(me, job_id))

    @routes.get(f"/{{job_id}}/{result}")
    def results(job_id: Id, me: Me, limit: Limit = 20, cursor: Cursor = None) -> dict[str, Any]:
        job = find(me, job_id)
        scope = (me.user_id, job.id, result)
        position = decode_cursor(cursor, *scope)
        found = list(wiring.jobs.segments(job.id, after=-1 if position is None else int(position), limit=limit + 1))
        now = found[:limit]
        more = encode_cursor(str(now[-1].index), *scope) if len(found) > limit else None
        return {"data": [view(job, numbered) for numbered in now], "next_cursor": more}

    @routes.post("/{job_id}/cancel")
    def cancel(job_id: Id, me: Me) -> dict[str, Any]:
        return shown(change(wiring.jobs, me.user_id, kind, job_id, lambda job: model.cancel(job, wiring.clock())))

    @routes.post("/{job_id}/retry")
    def retry(job_id: Id, me: Me) -> dict[str, Any]:
        return shown(change(wiring.jobs, me.user_id, kind, job_id, retry_by(me, wiring.clock)))

    @routes.delete("/{job_id}")
    def delete(job_id: Id, me: Me) -> dict[str, Any]:
        receipt = wiring.remove(me.user_id, kind, job_id)
        return {
            "id": receipt.id,
            "deleted": True,
            "rows": receipt.rows,
            "objects": receipt.objects,
            "versions": receipt.versions,
        }

    return routes

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from shapes import DocumentChange, NewDocument, part_view
from wiring import Wiring

from antiphon.documents.model import pages_of
from antiphon.documents.show import behind, place_of, some_of, whole
from antiphon.platform.cursors import decode_cursor, encode_cursor
from antiphon.platform.errors import Conflict, NotFound
from antiphon.platform.request import Caller
from antiphon.platform.web import caller, seed_of
from antiphon.speech import model
from antiphon.speech.arrive import clean_filename
from antiphon.speech.model import Job, Kind, Status
from antiphon.speech.retrying import change
from antiphon.speech.submit import FileToCome, NewJob
from antiphon.speech.view import job_view

Me = Annotated[Caller, Depends(caller)]
Id = Annotated[str, Path(max_length=64)]
Limit = Annotated[int, Query(ge=1, le=100)]
Cursor = Annotated[str | None, Query(max_length=500)]
KIND = Kind.DOCUMENT


def document_routes(wiring: Wiring) -> APIRouter:
    routes = APIRouter(prefix="/documents", tags=["documents"])

    def find(me: Caller, document_id: str) -> Job:
        job = wiring.jobs.get(me.user_id, KIND, document_id)
        if job is None:
            raise NotFound("There is no such document.")
        return job

    def shown(job: Job) -> dict[str, Any]:
        return job_view(job, upload=wiring.submit.upload(job))

    @routes.post("", status_code=201)
    def create(new: NewDocument, request: Request, response: Response, me: Me) -> dict[str, Any]:
        """Then send the file where ``upload`` says; its arrival starts the reading."""
        if new.callback_url:
            wiring.guard.check_syntax(new.callback_url)
        file = FileToCome(clean_filename(new.filename), new.content_type, new.size)
        wanted = NewJob(
            metadata=new.metadata,
            title=new.title or file.filename,
            callback_url=new.callback_url,
            request_id=request.state.request_id,
        )
        job = wiring.submit.document(me, wanted, file, seed_of(request))
        response.headers["Location"] = f"/v1/documents/{job.id}"
        return shown(job)

    @routes.get("")
    def listed(me: Me, limit: Limit = 20, cursor: Cursor = None, status: Status | None = None) -> dict[str, Any]:
        filters = {"status": status.value} if status else {}
        scope = (me.user_id, "documents", *filters.values())
        page = wiring.jobs.list(me.user_id, KIND, limit=limit, position=decode_cursor(cursor, *scope), filters=filters)
        return {
            "data": [job_view(j) for j in page.items],
            "next_cursor": page.position and encode_cursor(page.position, *scope),
        }

    @routes.get("/{document_id}")
    def one(document_id: Id, me: Me) -> dict[str, Any]:
        return shown(find(me, document_id))

    @routes.patch("/{document_id}")
    def rename(document_id: Id, wanted: DocumentChange, me: Me) -> dict[str, Any]:
        find(me, document_id)
        return shown(change(wiring.jobs, me.user_id, KIND, document_id, lambda job: model.rename(job, wanted.title)))

    @routes.get("/{document_id}/text", response_model=None)
    def text(
        document_id: Id,
        me: Me,
        limit: Limit = 20,
        cursor: Cursor = None,
        page: Annotated[int | None, Query(ge=1, le=10**6, description="Only this page.")] = None,
        format: Literal["json", "txt"] = "json",
    ) -> dict[str, Any] | Response:
        """The pages in order; one that is very long comes in several pieces. ``format=txt``: all of it as one text."""
        job = find(me, document_id)
        if job.status is not Status.SUCCEEDED:
            raise Conflict(f"The document is {job.status.value}; it has no text.", code="document_not_ready")
        if page is not None and page > job.result["pages"]:
            raise NotFound(f"The document has {job.result['pages']} pages.", code="no_such_page")
        if format == "txt":
            return Response(whole(pages_of(wiring.pages.parts(job.id, page=page))), media_type="text/plain")
        scope = (me.user_id, job.id, "text", str(page))
        after = behind(decode_cursor(cursor, *scope))
        found, more = some_of(wiring.pages.parts(job.id, after=after, page=page), limit)
        return {
            "data": [part_view(part) for part in found],
            "next_cursor": encode_cursor(place_of(found[-1]), *scope) if more else None,
        }

    @routes.delete("/{document_id}")
    def delete(document_id: Id, me: Me) -> dict[str, Any]:
        receipt = wiring.remove(me.user_id, KIND, document_id)
        return {
            "id": receipt.id,
            "deleted": True,
            "rows": receipt.rows,
            "objects": receipt.objects,
            "versions": receipt.versions,
        }

    return routes

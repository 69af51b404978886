from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query
from wiring import Wiring

from antiphon.platform.cursors import decode_cursor, encode_cursor
from antiphon.platform.request import Caller
from antiphon.platform.web import caller
from antiphon.speech import model
from antiphon.speech.model import Kind, Status
from antiphon.speech.retrying import change
from antiphon.speech.view import job_view

Me = Annotated[Caller, Depends(caller)]
Id = Annotated[str, Path(max_length=64)]
KIND = Kind.EDIT


def edit_routes(wiring: Wiring) -> APIRouter:
    routes = APIRouter(prefix="/edits", tags=["media"])

    @routes.get("")
    def listed(
        me: Me,
        limit: Annotated[int, Query(ge=1, le=100)] = 20,
        cursor: Annotated[str | None, Query(max_length=500)] = None,
        status: Status | None = None,
    ) -> dict[str, Any]:
        filters = {"status": status.value} if status else {}
        scope = (me.user_id, "edits", *filters.values())
        page = wiring.edits.list(me.user_id, limit=limit, position=decode_cursor(cursor, *scope), filters=filters)
        return {
            "data": [job_view(job) for job in page.items],
            "next_cursor": page.position and encode_cursor(page.position, *scope),
        }

    @routes.get("/{job_id}")
    def one(job_id: Id, me: Me) -> dict[str, Any]:
        return job_view(wiring.edits.get(me.user_id, job_id))

    @routes.post("/{job_id}/cancel")
    def cancel(job_id: Id, me: Me) -> dict[str, Any]:
        return job_view(change(wiring.jobs, me.user_id, KIND, job_id, lambda job: model.cancel(job, wiring.clock())))

    @routes.post("/{job_id}/retry")
    def retry(job_id: Id, me: Me) -> dict[str, Any]:
        return job_view(change(wiring.jobs, me.user_id, KIND, job_id, lambda job: model.retry(job, wiring.clock())))

    @routes.delete("/{job_id}")
    def delete(job_id: Id, me: Me) -> dict[str, Any]:
        """The job; the media item that it made stays."""
        receipt = wiring.remove(me.user_id, KIND, job_id)
        return {
            "id": receipt.id,
            "deleted": True,
            "rows": receipt.rows,
            "objects": receipt.objects,
            "versions": receipt.versions,
        }

    return routes

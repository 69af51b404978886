from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from shapes import NewEdit, PlainCommand
from wiring import Wiring

from antiphon.media.items import Media
from antiphon.media.understand import understand
from antiphon.media.view import media_view, understood_view
from antiphon.media.words import said
from antiphon.platform.cursors import decode_cursor, encode_cursor
from antiphon.platform.request import Caller
from antiphon.platform.web import caller, seed_of
from antiphon.speech.model import Job
from antiphon.speech.view import job_view

Me = Annotated[Caller, Depends(caller)]
Id = Annotated[str, Path(max_length=64)]
Limit = Annotated[int, Query(ge=1, le=100)]
Cursor = Annotated[str | None, Query(max_length=500)]


def media_routes(wiring: Wiring) -> APIRouter:
    routes = APIRouter(prefix="/media", tags=["media"])
    items, edits = wiring.items, wiring.edits

    def page(me: Caller, limit: int, cursor: str | None, parent: str | None = None) -> dict[str, Any]:
        scope = (me.user_id, "media", parent or "")
        found = items.list(me.user_id, limit=limit, position=decode_cursor(cursor, *scope), parent_id=parent)
        return {
            "data": [media_view(each) for each in found.items],
            "next_cursor": found.position and encode_cursor(found.position, *scope),
        }

    def submitted(new: NewEdit, media_id: str, me: Caller, request: Request, response: Response) -> Job:
        job = edits.submit(
            me.user_id,
            me.tier,
            media_id,
            new.operations,
            metadata=new.metadata,
            callback_url=new.callback_url,
            request_id=request.state.request_id,
            seed=seed_of(request),
        )
        response.headers["Location"] = f"/v1/edits/{job.id}"
        return job

    def check_callback(url: str | None) -> None:
        if url:
            wiring.guard.check_syntax(url)

    @routes.get("")
    def listed(me: Me, limit: Limit = 20, cursor: Cursor = None) -> dict[str, Any]:
        return page(me, limit, cursor)

    @routes.get("/{media_id}")
    def one(media_id: Id, me: Me) -> dict[str, Any]:
        media: Media = items.get(me.user_id, media_id)
        return media_view(media, whole=True, url=items.url(media))

    @routes.delete("/{media_id}")
    def delete(media_id: Id, me: Me) -> dict[str, Any]:
        receipt = items.remove(me.user_id, media_id)
        return {
            "id": receipt.id,
            "deleted": True,
            "rows": receipt.rows,
            "objects": receipt.objects,
            "versions": receipt.versions,
        }

    @routes.get("/{media_id}/edits")
    def versions(media_id: Id, me: Me, limit: Limit = 20, cursor: Cursor = None) -> dict[str, Any]:
        """The media items that were made of this one."""
        items.get(me.user_id, media_id)
        return page(me, limit, cursor, media_id)

    @routes.post("/{media_id}/edits", status_code=202)
    def edit(media_id: Id, new: NewEdit, request: Request, response: Response, me: Me) -> dict[str, Any]:
        """A job that makes a new media item of this one, which stays as it is. Operations are done in order, and times are those that the
        operations before have left."""
        check_callback(new.callback_url)
        return job_view(submitted(new, media_id, me, request, response))

    @routes.post("/{media_id}/commands")
    def command(media_id: Id, new: PlainCommand, request: Request, response: Response, me: Me) -> dict[str, Any]:
        """The same in plain language, English or Hebrew: "drop the first ten seconds and normalise". Says what was understood; does it on
        `confirm` (202)."""
        check_callback(new.callback_url)
        _, duration = edits.item(me.user_id, media_id)
        operations = understand(new.text, duration)
        plan = edits.plan(me.user_id, media_id, operations)
        job = None
        if new.confirm:
            wanted = NewEdit(operations=operations, metadata=new.metadata, callback_url=new.callback_url)
            job = submitted(wanted, media_id, me, request, response)
            response.status_code = 202
        return understood_view(plan, [said(each) for each in operations], job)

    return routes

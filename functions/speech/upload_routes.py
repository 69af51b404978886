from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request
from shapes import ArrivedParts, NewUpload
from wiring import Wiring

from antiphon.platform.request import Caller
from antiphon.platform.web import caller, seed_of
from antiphon.speech.arrive import clean_filename
from antiphon.speech.submit import FileToCome, upload_key
from antiphon.speech.view import upload_view

Me = Annotated[Caller, Depends(caller)]
Id = Annotated[str, Path(max_length=64, description="Of the media item or the job that the file is for.")]
UploadId = Annotated[str, Query(min_length=1, max_length=1024, description="As `upload_id` gave it.")]

NOTHING_SAID = ArrivedParts()


def upload_routes(wiring: Wiring) -> APIRouter:
    routes = APIRouter(tags=["uploads"])

    @routes.post("/uploads", status_code=201)
    def create_upload(new: NewUpload, request: Request, me: Me) -> dict[str, Any]:
        """Above 100 MiB the file comes in parts: PUT each to its address, then call `complete_url`."""
        file = FileToCome(clean_filename(new.filename), new.content_type, new.size)
        media, upload = wiring.submit.media(me, file, new.purpose, seed_of(request))
        return {"id": media.id, "media_id": media.id, "purpose": media.purpose, **upload_view(upload)}

    @routes.get("/uploads/{thing_id}")
    def parts(thing_id: Id, upload_id: UploadId, me: Me) -> dict[str, Any]:
        """New addresses for an upload in parts, and the numbers of those that have arrived: to go on after an interruption."""
        return upload_view(wiring.parts.again(me.user_id, thing_id, upload_key(me.user_id, thing_id), upload_id))

    @routes.post("/uploads/{thing_id}/complete")
    def complete(thing_id: Id, upload_id: UploadId, me: Me, arrived: ArrivedParts = NOTHING_SAID) -> dict[str, Any]:
        """All parts are there: the file is put together, and what waits for it begins. Safe to repeat."""
        etags = {part.number: part.etag for part in arrived.parts}
        wiring.parts.complete(me.user_id, thing_id, upload_key(me.user_id, thing_id), upload_id, etags)
        return {"id": thing_id, "status": "complete"}

    return routes

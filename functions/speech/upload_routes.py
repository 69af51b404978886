from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from shapes import NewUpload
from wiring import Wiring

from antiphon.platform.request import Caller
from antiphon.platform.web import caller, seed_of
from antiphon.speech.arrive import clean_filename
from antiphon.speech.submit import FileToCome
from antiphon.speech.view import upload_view


def upload_routes(wiring: Wiring) -> APIRouter:
    routes = APIRouter(tags=["uploads"])

    @routes.post("/uploads", status_code=201)
    def create_upload(new: NewUpload, request: Request, me: Annotated[Caller, Depends(caller)]) -> dict[str, Any]:
        file = FileToCome(clean_filename(new.filename), new.content_type, new.size)
        media, upload = wiring.submit.media(me, file, new.purpose, seed_of(request))
        return {"id": media.id, "media_id": media.id, "purpose": media.purpose, **upload_view(upload)}

    return routes

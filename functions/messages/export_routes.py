"""A conversation as a file. It leaves while it is read, so that its length does not matter."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Query
from fastapi.responses import StreamingResponse
from wiring import Wiring

from antiphon.conversations.export import FORMATS, disposition, exported
from antiphon.platform.request import Caller
from antiphon.platform.web import caller

Me = Annotated[Caller, Depends(caller)]
Id = Annotated[str, Path(max_length=64)]
Format = Annotated[Literal["json", "md", "txt", "csv", "html"], Query()]


def export_routes(wiring: Wiring) -> APIRouter:
    routes = APIRouter(prefix="/conversations", tags=["chat"])

    @routes.get("/{conversation_id}/export", response_model=None)
    def export(conversation_id: Id, me: Me, format: Format = "json") -> StreamingResponse:
        """All its messages, oldest first."""
        return _file(wiring, me, conversation_id, format)

    @routes.post("/{conversation_id}/export", response_model=None)
    def exported_by_post(conversation_id: Id, me: Me, format: Format = "json") -> StreamingResponse:
        """The same as GET."""
        return _file(wiring, me, conversation_id, format)

    return routes


def _file(wiring: Wiring, me: Caller, conversation_id: str, format: str) -> StreamingResponse:
    conversation, messages = wiring.conversations.told(me.user_id, conversation_id)
    headers = {"Content-Disposition": disposition(conversation, format), "Cache-Control": "no-store"}
    if format == "html":
        headers["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
    return StreamingResponse(exported(conversation, messages, format), 200, headers, FORMATS[format][0])

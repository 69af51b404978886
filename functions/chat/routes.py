from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from shapes import ConversationChange, NewConversation, NewPreset
from wiring import Wiring

from antiphon.conversations.manage import Filter
from antiphon.conversations.view import conversation_view, message_view, preset_view
from antiphon.platform.cursors import decode_cursor, encode_cursor
from antiphon.platform.request import Caller
from antiphon.platform.web import caller, seed_of

Me = Annotated[Caller, Depends(caller)]
Id = Annotated[str, Path(max_length=64)]
Limit = Annotated[int, Query(ge=1, le=100)]
Cursor = Annotated[str | None, Query(max_length=500)]
Archived = Annotated[bool | None, Query()]
InTitle = Annotated[str | None, Query(alias="q", max_length=200, description="A part of the title, in any case.")]


def conversation_routes(wiring: Wiring) -> APIRouter:
    routes = APIRouter(prefix="/conversations", tags=["chat"])
    conversations = wiring.conversations

    @routes.post("", status_code=201)
    def create(new: NewConversation, request: Request, response: Response, me: Me) -> dict[str, Any]:
        if new.model is not None:
            wiring.models.get(new.model)
        made = conversations.create(me.user_id, new.wish(), seed_of(request))
        response.headers["Location"] = f"/v1/conversations/{made.id}"
        return conversation_view(made)

    @routes.get("")
    def listed(
        me: Me, limit: Limit = 20, cursor: Cursor = None, archived: Archived = None, q: InTitle = None
    ) -> dict[str, Any]:
        """Newest first. With a filter a page may be shorter than asked for, and have more behind it."""
        scope = (me.user_id, "conversations", str(archived), q or "")
        page = conversations.page(me.user_id, Filter(archived, q), limit, decode_cursor(cursor, *scope))
        return {
            "data": [conversation_view(c) for c in page.items],
            "next_cursor": page.position and encode_cursor(page.position, *scope),
        }

    @routes.get("/{conversation_id}")
    def one(conversation_id: Id, me: Me) -> dict[str, Any]:
        return conversation_view(conversations.get(me.user_id, conversation_id))

    @routes.patch("/{conversation_id}")
    def change(conversation_id: Id, wanted: ConversationChange, me: Me) -> dict[str, Any]:
        if wanted.model is not None:
            wiring.models.get(wanted.model)
        return conversation_view(conversations.change(me.user_id, conversation_id, wanted.wish()))

    @routes.delete("/{conversation_id}")
    def delete(conversation_id: Id, me: Me) -> dict[str, Any]:
        """With all its messages."""
        rows = conversations.delete(me.user_id, conversation_id)
        return {"id": conversation_id, "deleted": True, "rows": rows, "objects": 0, "versions": 0}

    @routes.get("/{conversation_id}/messages")
    def messages(conversation_id: Id, me: Me, limit: Limit = 20, cursor: Cursor = None) -> dict[str, Any]:
        """Newest first. A reply that is being written has the status ``streaming``."""
        scope = (me.user_id, "messages", conversation_id)
        page = conversations.messages(me.user_id, conversation_id, limit, decode_cursor(cursor, *scope))
        return {
            "data": [message_view(m) for m in page.items],
            "next_cursor": page.position and encode_cursor(page.position, *scope),
        }

    return routes


def preset_routes(wiring: Wiring) -> APIRouter:
    routes = APIRouter(prefix="/presets", tags=["chat"])
    presets = wiring.presets

    @routes.post("", status_code=201)
    def create(new: NewPreset, request: Request, me: Me) -> dict[str, Any]:
        if new.model is not None:
            wiring.models.get(new.model)
        return preset_view(presets.create(me.user_id, new.name, new.model, new.settings.options(), seed_of(request)))

    @routes.get("")
    def listed(me: Me, limit: Limit = 20, cursor: Cursor = None) -> dict[str, Any]:
        scope = (me.user_id, "presets")
        page = presets.page(me.user_id, limit, decode_cursor(cursor, *scope))
        return {
            "data": [preset_view(p) for p in page.items],
            "next_cursor": page.position and encode_cursor(page.position, *scope),
        }

    @routes.delete("/{preset_id}", status_code=204)
    def delete(preset_id: Id, me: Me) -> None:
        presets.delete(me.user_id, preset_id)

    return routes

"""Search in what the caller has: messages, transcripts, documents."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query
from wiring import Wiring

from antiphon.platform.cursors import decode_cursor, encode_cursor
from antiphon.platform.errors import Field as FieldError
from antiphon.platform.errors import Invalid
from antiphon.platform.request import Caller
from antiphon.platform.web import caller
from antiphon.search import model
from antiphon.search.model import Kind
from antiphon.search.view import hit_view

Me = Annotated[Caller, Depends(caller)]
Limit = Annotated[int, Query(ge=1, le=100)]
Cursor = Annotated[str | None, Query(max_length=1000)]
Asked = Annotated[str, Query(alias="q", min_length=1, max_length=500, description="Words, or what they mean.")]
Places = Annotated[
    str,
    Query(
        alias="in",
        max_length=60,
        pattern="^(messages|transcripts|documents)(,(messages|transcripts|documents)){0,2}$",
        description="Where to look, separated by commas.",
    ),
]
Mode = Annotated[
    Literal["keyword", "semantic"], Query(description="By words, all of which are there, or by their meaning.")
]
Conversation = Annotated[str | None, Query(max_length=64, description="Only messages of this conversation.")]
_KINDS = {"messages": Kind.MESSAGE, "transcripts": Kind.TRANSCRIPT, "documents": Kind.DOCUMENT}


def search_routes(wiring: Wiring) -> APIRouter:
    routes = APIRouter(tags=["chat"])

    @routes.get("/search")
    def search(
        me: Me,
        q: Asked,
        places: Places = "messages,transcripts,documents",
        mode: Mode = "keyword",
        conversation_id: Conversation = None,
        limit: Limit = 20,
        cursor: Cursor = None,
    ) -> dict[str, Any]:
        """Best first. By words: within the newest matches first, and older ones on the next pages."""
        kinds = tuple(dict.fromkeys(_KINDS[place] for place in places.split(",")))
        since = None
        if conversation_id is not None:
            if places == "messages,transcripts,documents":
                kinds = (Kind.MESSAGE,)
            if kinds != (Kind.MESSAGE,):
                detail = "A conversation has messages only; leave out `in`, or say in=messages."
                raise Invalid(detail, fields=(FieldError("conversation_id", detail),))
            since = wiring.conversations.get(me.user_id, conversation_id).created_at
        query = model.Query(q, kinds, conversation_id, since)
        scope = (me.user_id, "search", q, ",".join(kinds), mode, conversation_id or "")
        look = wiring.find.by_words if mode == "keyword" else wiring.find.by_meaning
        page = look(me.user_id, query, limit, decode_cursor(cursor, *scope))
        return {
            "data": [hit_view(hit) for hit in page.items],
            "next_cursor": page.position and encode_cursor(page.position, *scope),
        }

    return routes

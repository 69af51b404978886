"""Runs: answers that take steps and tools, in the background."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from run_shapes import NewRun
from wiring import Wiring

from antiphon.platform.cursors import decode_cursor, encode_cursor
from antiphon.platform.request import Caller
from antiphon.platform.web import caller, seed_of
from antiphon.runs.start import Wanted
from antiphon.runs.view import run_view

Me = Annotated[Caller, Depends(caller)]
Id = Annotated[str, Path(max_length=64)]
Limit = Annotated[int, Query(ge=1, le=100)]
Cursor = Annotated[str | None, Query(max_length=500)]
InConversation = Annotated[str | None, Query(max_length=64)]


def run_routes(wiring: Wiring) -> APIRouter:
    routes = APIRouter(tags=["chat"])
    runs = wiring.runs

    @routes.post("/conversations/{conversation_id}/runs", status_code=202)
    def start(conversation_id: Id, new: NewRun, request: Request, response: Response, me: Me) -> dict[str, Any]:
        """Stores the message and begins. What becomes of it: `GET /v1/runs/{id}`, or the events `run.*`."""
        if new.model is not None:
            wiring.models.get(new.model)
        wanted = Wanted(
            user_id=me.user_id,
            tier=me.tier,
            content=new.content,
            options=new.chosen(),
            model=new.model,
            parts=tuple(a.model_dump() for a in new.attachments),
            tools=None if new.tools is None else tuple(dict.fromkeys(new.tools)),
            speak=new.spoken(),
            metadata=new.metadata,
            seed=seed_of(request),
            request_id=request.state.request_id,
        )
        run = runs.start(conversation_id, wanted)
        response.headers["Location"] = f"/v1/runs/{run.id}"
        return run_view(run)

    @routes.get("/runs")
    def listed(
        me: Me, limit: Limit = 20, cursor: Cursor = None, conversation_id: InConversation = None
    ) -> dict[str, Any]:
        """Newest first. With a filter a page may be shorter than asked for, and have more behind it."""
        scope = (me.user_id, "runs", conversation_id or "")
        page = runs.page(me.user_id, limit, decode_cursor(cursor, *scope), conversation_id)
        return {
            "data": [run_view(run) for run in page.items],
            "next_cursor": page.position and encode_cursor(page.position, *scope),
        }

    @routes.get("/runs/{run_id}")
    def one(run_id: Id, me: Me) -> dict[str, Any]:
        return run_view(runs.get(me.user_id, run_id))

    @routes.post("/runs/{run_id}/cancel")
    def cancel(run_id: Id, me: Me) -> dict[str, Any]:
        """Jobs that it has started go on; cancel them by themselves."""
        return run_view(runs.cancel(me.user_id, run_id))

    return routes

"""What becomes of a job, while it does: server-sent events. They stand here because this is the function whose answers stream."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Annotated, Any, cast

from fastapi import APIRouter, Depends, Header, Path, Response
from wiring import Wiring

from antiphon.platform.errors import NotFound
from antiphon.platform.request import Caller
from antiphon.platform.sse import EventStream, event
from antiphon.platform.web import caller
from antiphon.speech.model import PLACES, Kind
from antiphon.speech.ports import Numbered
from antiphon.speech.view import job_view, mark_view, segment_view
from antiphon.speech.watch import Place, Told

Me = Annotated[Caller, Depends(caller)]
Id = Annotated[str, Path(max_length=64)]
LastEventId = Annotated[
    str | None, Header(max_length=80, description="Of the last event that was seen: goes on behind it.")
]


def job_event_routes(wiring: Wiring, seconds: float) -> APIRouter:
    """seconds: for which an answer may grow. A browser comes back by itself."""
    routes = APIRouter(tags=["jobs"])

    def watched(kind: Kind, job_id: str, me: Caller, last_event_id: str | None) -> Response:
        place = Place.read(last_event_id) if last_event_id is not None else Place()
        if place.ended:  # the answer that makes a browser's EventSource stop
            return Response(status_code=204)
        job = wiring.jobs.get(me.user_id, kind, job_id)
        if job is None:
            raise NotFound("There is no such job.")
        return EventStream(_events(wiring.watch(job, place, seconds=seconds)))

    @routes.get(f"/{PLACES[Kind.TRANSCRIPTION]}/{{job_id}}/events", response_model=None)
    def of_transcription(job_id: Id, me: Me, last_event_id: LastEventId = None) -> Response:
        """Events: ``status`` and ``progress`` (the job), ``segment`` (each once, as soon as it is there), then ``done`` or ``failed`` (the job)."""
        return watched(Kind.TRANSCRIPTION, job_id, me, last_event_id)

    @routes.get(f"/{PLACES[Kind.SPEECH]}/{{job_id}}/events", response_model=None)
    def of_speech(job_id: Id, me: Me, last_event_id: LastEventId = None) -> Response:
        """Events: ``status`` and ``progress`` (the job), ``sentence`` (each once, as soon as it is spoken), then ``done`` or ``failed`` (the job)."""
        return watched(Kind.SPEECH, job_id, me, last_event_id)

    return routes


async def _events(told: AsyncIterator[Told]) -> AsyncIterator[bytes]:
    async with aclosing(cast(Any, told)) as events:
        async for now in events:
            yield event(now.name, _shown(now), str(now.place))


def _shown(told: Told) -> dict[str, Any]:
    if told.piece is None:
        return job_view(told.job)
    if isinstance(told.piece, Numbered):
        return segment_view(told.job, told.piece)
    return dict(mark_view(told.piece, None))

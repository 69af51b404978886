"""The FastAPI app of this function: whole answers behind Mangum (handler.py), and piece by piece under uvicorn (stream.py)."""

from __future__ import annotations

from completion_routes import completion_routes
from export_routes import export_routes
from fastapi import FastAPI
from job_event_routes import job_event_routes
from message_routes import message_routes, model_routes
from wiring import Wiring

from antiphon.platform.web import make_app


def build(wiring: Wiring, *, watch_for: float = 270.0) -> FastAPI:
    """watch_for: seconds for which the events of a job may be watched in one answer."""
    app = make_app(
        "Antiphon messages", logger=wiring.logger, idempotency=wiring.idempotency, gate=wiring.gate, version="1"
    )
    for router in (message_routes(wiring), model_routes(wiring), completion_routes(wiring), export_routes(wiring)):
        app.include_router(router, prefix="/v1")
    app.include_router(job_event_routes(wiring, watch_for), prefix="/v1")
    return app

"""The FastAPI app of this function: whole answers behind Mangum (handler.py), and piece by piece under uvicorn (stream.py)."""

from __future__ import annotations

from fastapi import FastAPI
from recording_routes import FORMS, recording_routes
from speech_routes import speech_routes
from wiring import Wiring

from antiphon.platform.web import make_app


def build(wiring: Wiring) -> FastAPI:
    app = make_app(
        "Antiphon audio",
        logger=wiring.logger,
        idempotency=wiring.idempotency,
        gate=wiring.gate,
        version="1",
        forms=FORMS,
    )
    for router in (recording_routes(wiring), speech_routes(wiring)):
        app.include_router(router, prefix="/v1")
    return app

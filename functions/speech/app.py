"""The FastAPI app of this function: the routes of its files, nothing else."""

from __future__ import annotations

from fastapi import FastAPI
from speech_routes import speech_routes
from step_routes import alignment_routes, assignment_routes, diarization_routes
from transcription_routes import transcription_routes
from upload_routes import upload_routes
from wiring import Wiring

from antiphon.platform.web import make_app


def build(wiring: Wiring) -> FastAPI:
    app = make_app(
        "Antiphon speech", logger=wiring.logger, idempotency=wiring.idempotency, gate=wiring.gate, version="1"
    )
    for router in (
        upload_routes(wiring),
        transcription_routes(wiring),
        alignment_routes(wiring),
        diarization_routes(wiring),
        assignment_routes(wiring),
        speech_routes(wiring),
    ):
        app.include_router(router, prefix="/v1")
    return app

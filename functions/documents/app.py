"""The FastAPI app of this function: the routes of its files, nothing else."""

from __future__ import annotations

from fastapi import FastAPI
from question_routes import question_routes
from routes import document_routes
from wiring import Wiring

from antiphon.platform.web import make_app


def build(wiring: Wiring) -> FastAPI:
    app = make_app(
        "Antiphon documents", logger=wiring.logger, idempotency=wiring.idempotency, gate=wiring.gate, version="1"
    )
    for router in (question_routes(wiring), document_routes(wiring)):
        app.include_router(router, prefix="/v1")
    return app

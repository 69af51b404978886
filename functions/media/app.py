"""The FastAPI app of this function: the routes of its files, nothing else."""

from __future__ import annotations

from edit_routes import edit_routes
from fastapi import FastAPI
from media_routes import media_routes
from wiring import Wiring

from antiphon.platform.web import make_app


def build(wiring: Wiring) -> FastAPI:
    app = make_app(
        "Antiphon media", logger=wiring.logger, idempotency=wiring.idempotency, gate=wiring.gate, version="1"
    )
    for router in (media_routes(wiring), edit_routes(wiring)):
        app.include_router(router, prefix="/v1")
    return app

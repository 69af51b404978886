"""The FastAPI app of this function: the routes of its file, nothing else."""

from __future__ import annotations

from fastapi import FastAPI
from routes import search_routes
from wiring import Wiring

from antiphon.platform.web import make_app


def build(wiring: Wiring) -> FastAPI:
    app = make_app(
        "Antiphon search", logger=wiring.logger, idempotency=wiring.idempotency, gate=wiring.gate, version="1"
    )
    app.include_router(search_routes(wiring), prefix="/v1")
    return app

"""The FastAPI app of this function: the routes of its files, nothing else."""

from __future__ import annotations

from fastapi import FastAPI
from routes import admin_routes
from wiring import Wiring
from work_routes import work_routes

from antiphon.platform.web import make_app


def build(wiring: Wiring) -> FastAPI:
    app = make_app(
        "Antiphon administration", logger=wiring.logger, idempotency=wiring.idempotency, gate=wiring.gate, version="1"
    )
    for router in (admin_routes(wiring), work_routes(wiring)):
        app.include_router(router, prefix="/v1/admin")
    return app

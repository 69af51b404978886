"""The FastAPI app of this function: the routes of its file, nothing else."""

from __future__ import annotations

from fastapi import FastAPI
from routes import conversation_routes, preset_routes
from run_routes import run_routes
from wiring import Wiring

from antiphon.platform.web import make_app


def build(wiring: Wiring) -> FastAPI:
    app = make_app("Antiphon chat", logger=wiring.logger, idempotency=wiring.idempotency, gate=wiring.gate, version="1")
    for router in (conversation_routes(wiring), preset_routes(wiring), run_routes(wiring)):
        app.include_router(router, prefix="/v1")
    return app

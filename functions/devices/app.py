"""The FastAPI app of this function: the routes of its file, nothing else."""

from __future__ import annotations

from fastapi import FastAPI
from routes import command_routes, device_routes
from wiring import Wiring

from antiphon.platform.web import make_app


def build(wiring: Wiring) -> FastAPI:
    app = make_app(
        "Antiphon devices",
        logger=wiring.logger,
        idempotency=wiring.idempotency,
        gate=wiring.gate,
        version="1",
        secret_answers=("/v1/devices",),
    )
    for router in (device_routes(wiring), command_routes(wiring)):
        app.include_router(router, prefix="/v1")
    return app

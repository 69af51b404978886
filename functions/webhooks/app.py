"""The FastAPI app of this function: the routes of its file, nothing else."""

from __future__ import annotations

from fastapi import FastAPI
from openai_routes import endpoint_routes
from routes import account_routes, webhook_routes
from wiring import Wiring

from antiphon.platform.web import make_app


def build(wiring: Wiring) -> FastAPI:
    app = make_app(
        "Antiphon webhooks",
        logger=wiring.logger,
        idempotency=wiring.idempotency,
        gate=wiring.gate,
        version="1",
        secret_answers=(
            "/v1/webhooks",
            "/v1/webhooks/*/rotate-secret",
            "/v1/me/webhook-secret/rotate",
            "/v1/webhook_endpoints",
            "/v1/webhook_endpoints/*/rotate_secret",
        ),
    )
    for router in (webhook_routes(wiring), account_routes(wiring), endpoint_routes(wiring)):
        app.include_router(router, prefix="/v1")
    return app

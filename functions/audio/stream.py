"""The same app under uvicorn, so that answers leave piece by piece."""

from __future__ import annotations

import os

from app import build
from wiring import wiring

from antiphon.platform.behind_gateway import serve
from antiphon.platform.telemetry import process_logger

if __name__ == "__main__":
    process_logger("audio", os.environ.get("LOG_LEVEL", "INFO"))
    serve(build(wiring()), int(os.environ["PORT"]))

"""The same app under uvicorn, so that answers leave piece by piece."""

from __future__ import annotations

import importlib
import os

from app import build
from wiring import wiring

from antiphon.platform.behind_gateway import serve
from antiphon.platform.telemetry import process_logger

SDKS = {"openai": "openai", "google": "google.genai"}
"""By provider: they take a second to import, which the first answer should not."""


def main() -> None:
    process_logger("messages", os.environ.get("LOG_LEVEL", "INFO"))
    for about in wiring().models.all:
        if about.configured and about.provider in SDKS:
            importlib.import_module(SDKS[about.provider])
    serve(build(wiring()), int(os.environ["PORT"]))


if __name__ == "__main__":
    main()

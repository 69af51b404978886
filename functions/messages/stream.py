"""The same app under uvicorn, so that answers leave piece by piece."""

from __future__ import annotations

import importlib
import os

from app import build
from wiring import wiring

from antiphon.platform.behind_gateway import serve

SDKS = {"openai": "openai", "google": "google.genai"}
"""By provider: they take a second to import, which the first answer should not."""


def main() -> None:
    for about in wiring().models.all:
        if about.configured and about.provider in SDKS:
            importlib.import_module(SDKS[about.provider])
    serve(build(wiring()), int(os.environ["PORT"]), wiring().logger)


if __name__ == "__main__":
    main()

"""The same app under uvicorn, so that answers leave piece by piece."""

from __future__ import annotations

import os

from app import build
from wiring import wiring

from antiphon.platform.behind_gateway import serve

if __name__ == "__main__":
    serve(build(wiring()), int(os.environ["PORT"]), wiring().logger)

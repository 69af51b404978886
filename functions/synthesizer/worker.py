"""The synthesizer: takes texts from its lanes until it is told to stop."""

from __future__ import annotations

import sys

from wiring import make_worker

from antiphon.platform.telemetry import process_logger
from antiphon.work.process import run

if __name__ == "__main__":
    logger = process_logger("synthesizer")
    sys.exit(run(lambda: make_worker(logger), logger))

"""The synthesizer: takes texts from its lanes until it is told to stop."""

from __future__ import annotations

import sys

from wiring import make_worker

from antiphon.platform.telemetry import all_through, make_logger
from antiphon.work.process import run

if __name__ == "__main__":
    logger = make_logger("synthesizer")
    all_through(logger)
    sys.exit(run(lambda: make_worker(logger), logger))

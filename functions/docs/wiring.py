"""The composition root: the only place that reads the environment."""

from __future__ import annotations

import os
from functools import cache

from aws_lambda_powertools import Logger

from antiphon.platform.telemetry import make_logger


@cache
def logger() -> Logger:
    return make_logger("docs", os.environ.get("LOG_LEVEL", "INFO"))

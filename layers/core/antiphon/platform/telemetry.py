"""Logs as one JSON object per line. Imported lazily by the wiring: Powertools is not free to load."""

from __future__ import annotations

from aws_lambda_powertools import Logger


def make_logger(service: str, level: str = "INFO") -> Logger:
    return Logger(service=service, level=level, use_rfc3339=True, utc=True)

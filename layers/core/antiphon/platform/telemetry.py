"""Logs and metrics as one JSON object per line. Imported lazily by the wiring: Powertools is not free to load."""

from __future__ import annotations

import logging
import sys
import threading

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics

from antiphon.platform.metrics import NAMESPACE, checked


def make_logger(service: str, level: str = "INFO") -> Logger:
    return Logger(service=service, level=level, use_rfc3339=True, utc=True)


def process_logger(service: str, level: str = "INFO") -> Logger:
    """For a process that is ours alone, not a Lambda function: what libraries log and warn of, and what nobody caught, become lines of the same form too."""
    logger = make_logger(service, level)
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(logger.registered_formatter)
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.captureWarnings(True)
    logging.getLogger(logger.name).propagate = False  # it has a handler of its own

    sys.excepthook = lambda kind, error, trace: logger.error("nobody caught", exc_info=(kind, error, trace))

    def in_thread(hooked: threading.ExceptHookArgs) -> None:
        if hooked.exc_value is not None:
            logger.error("nobody caught", exc_info=(hooked.exc_type, hooked.exc_value, hooked.exc_traceback))

    threading.excepthook = in_thread
    return logger


class EmfMetrics:
    """CloudWatch makes metrics of the lines that this writes beside the log (Embedded Metric Format): no call is made, and nothing is kept that a process
    could lose when it ends. deployment: name of the stack."""

    def __init__(self, deployment: str) -> None:
        self._deployment = deployment

    def put(self, name: str, value: float = 1, **dimensions: str) -> None:
        metric = checked(name, dimensions)
        line = EphemeralMetrics(namespace=NAMESPACE, service=self._deployment)
        for dimension, of in dimensions.items():
            line.add_dimension(dimension, of)
        line.add_metric(name, metric.unit, value)
        line.flush_metrics()

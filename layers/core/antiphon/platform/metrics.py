"""What the operator's metrics hear of: the names, with their units and dimensions. A dimension never holds a user, a job or a text: each combination is a metric
that is paid for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

NAMESPACE = "Antiphon"
"""Of all of them. The deployment is a dimension of each, so that two in one account are told apart."""
DEPLOYMENT = "service"


@dataclass(frozen=True)
class Metric:
    """unit: of CloudWatch. dimensions: beside the deployment."""

    unit: str
    dimensions: tuple[str, ...] = ()


METRICS: Mapping[str, Metric] = MappingProxyType(
    {
        "JobsAccepted": Metric("Count", ("kind",)),
        "JobsSucceeded": Metric("Count", ("kind",)),
        "JobsFailed": Metric("Count", ("kind", "code")),
        "JobsCanceled": Metric("Count", ("kind",)),
        "JobsExpired": Metric("Count", ("kind",)),
        "QueueWaitMs": Metric("Milliseconds", ("kind",)),
        "PriorityWaitMs": Metric("Milliseconds", ("kind",)),
        "AudioSeconds": Metric("Seconds", ("kind",)),
        "RealTimeFactor": Metric("None", ("kind",)),
        "LeaseLost": Metric("Count", ("kind",)),
        "WorkerSeconds": Metric("Seconds", ("kind",)),
        "JobsUnaccounted": Metric("Count"),
        "OldestQueuedJobSeconds": Metric("Seconds"),
        "WebhookAttempts": Metric("Count", ("class",)),
        "DeliveryLagMs": Metric("Milliseconds"),
        "LlmTokens": Metric("Count", ("model",)),
        "LlmErrors": Metric("Count", ("code",)),
        "ChatBudgetPercent": Metric("Percent"),
        "ReuseDetected": Metric("Count"),
    }
)


class Metrics(Protocol):
    def put(self, name: str, value: float = 1, **dimensions: str) -> None:
        """dimensions: exactly those that METRICS has for the name."""


class Unmeasured:
    """Where nobody listens."""

    def put(self, name: str, value: float = 1, **dimensions: str) -> None:
        """Nothing."""


UNMEASURED = Unmeasured()


def checked(name: str, dimensions: Mapping[str, str]) -> Metric:
    """Raises ValueError for a name or dimensions that METRICS does not have."""
    metric = METRICS.get(name)
    if metric is None or set(metric.dimensions) != set(dimensions) or not all(dimensions.values()):
        raise ValueError(f"{name} with {sorted(dimensions)} is no metric of ours")
    return metric

"""What a second of a worker costs. The one table; a deployment on other machines or in another region adds its own line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True)
class Price:
    """``usd_per_hour``: of one machine with one GPU, from ``since`` on."""

    since: datetime
    usd_per_hour: float
    machine: str


PRICES = (Price(datetime(2026, 1, 1, tzinfo=UTC), 0.8048, "g6.xlarge (one L4), On-Demand, us-east-1"),)
"""The oldest first. A laptop is counted as if it were that machine."""


def usd(gpu_seconds: float, at: datetime, prices: Sequence[Price] = PRICES) -> float:
    """At the price of that moment; before the first line at that of the first."""
    price = next((p for p in reversed(prices) if p.since <= at), prices[0])
    return round(gpu_seconds * price.usd_per_hour / 3600, 6)

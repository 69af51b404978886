"""Tokens of answers that belong to no conversation: set aside before the model is asked, settled afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from antiphon.identity.tiers import Limits
from antiphon.platform.clock import Clock


@dataclass(frozen=True)
class Reserved:
    """``until``: when whoever set them aside is taken for dead."""

    id: str
    user_id: str
    month: str
    tokens: int
    until: datetime


class Budget(Protocol):
    def reserve(self, reserved: Reserved, limits: Limits, now: datetime) -> None:
        """Raises QuotaExceeded ``tokens``."""

    def settle(self, reserved: Reserved, cost: int) -> bool:
        """What it really cost takes the place of what was set aside; False where that was done before."""

    def abandoned(self, now: datetime) -> Iterator[Reserved]: ...


class SettleBudget:
    """Once a minute: what was set aside by a process that died is given back; nobody knows what it cost."""

    def __init__(self, budget: Budget, clock: Clock) -> None:
        self._budget = budget
        self._clock = clock

    def __call__(self) -> int:
        return sum(self._budget.settle(reserved, 0) for reserved in self._budget.abandoned(self._clock()))

"""T-01: unit tests open no socket; time comes from a clock that they hold.

Properties are tried with few examples here, and with many in the suite ``properties`` (``--hypothesis-profile=thorough``).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import pytest_socket
from hypothesis import settings

# How long an example takes depends on who else uses the machine: no deadline.
settings.register_profile("fast", max_examples=10, stateful_step_count=30, deadline=None)
settings.register_profile("thorough", max_examples=300, stateful_step_count=40, deadline=None)
settings.load_profile("fast")  # an option of the command line is read later, and wins


@pytest.fixture(autouse=True)
def no_sockets() -> None:
    pytest_socket.disable_socket(allow_unix_socket=True)


class HeldClock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 20, 12, 0, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def move(self, **span: float) -> datetime:
        self.now += timedelta(**span)
        return self.now


@pytest.fixture
def clock() -> HeldClock:
    return HeldClock()

"""T-01: unit tests open no socket; time comes from a clock that they hold."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import pytest_socket


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

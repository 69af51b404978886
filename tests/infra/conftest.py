"""T-01: nothing here opens a socket; what the tools of other environments do is checked by their exit status."""

from __future__ import annotations

import pytest
import pytest_socket

from tests.infra.system import System


@pytest.fixture(autouse=True)
def no_sockets() -> None:
    pytest_socket.disable_socket(allow_unix_socket=True)


@pytest.fixture(scope="session")
def cloud() -> System:
    """The system as it is deployed where nothing is chosen: the defaults are those of the cloud."""
    return System()


@pytest.fixture(scope="session")
def production() -> System:
    return System(
        {
            "Environment": "prod",
            "WebOrigin": "https://speech.example.com",
            "MailFrom": "no-reply@example.com",
            "AlarmMail": "operators@example.com",
            "MonthlyBudget": "500",
        }
    )

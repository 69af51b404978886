"""ECS task protection: while a job runs, scaling in and deployments leave this task alone. (A Spot notice does not: see drain.)"""

from __future__ import annotations

import json
import urllib.request
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from logging import Logger

MINUTES = 720
"""After which ECS forgets the protection by itself: longer than a message can be held, so that no running job outlives it."""


class Protection(Protocol):
    def set(self, on: bool) -> None:
        """Never raises: an unprotected job is handed back at worst, a failed one is lost work."""


class NoProtection:
    """Outside ECS."""

    def set(self, on: bool) -> None:
        return


class EcsProtection:
    """agent: ``ECS_AGENT_URI`` of the task."""

    def __init__(self, agent: str, logger: Logger, timeout: float = 2.0) -> None:
        self._url = f"{agent}/task-protection/v1/state"
        self._logger = logger
        self._timeout = timeout

    def set(self, on: bool) -> None:
        body = {"ProtectionEnabled": on, **({"ExpiresInMinutes": MINUTES} if on else {})}
        request = urllib.request.Request(
            self._url, json.dumps(body).encode(), {"Content-Type": "application/json"}, method="PUT"
        )
        try:
            with urllib.request.urlopen(request, timeout=self._timeout) as answer:
                answer.read()
        except OSError as error:
            self._logger.warning("task protection not set", extra={"on": on, "error": repr(error)})

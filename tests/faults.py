"""The n-th AWS call of a piece of work fails, for every n: before it, after it, or with its answer lost on the way back.

Below the SDK's own retries, so that a lost answer meets them as it does in the field.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.endpoint import Endpoint
from botocore.exceptions import ReadTimeoutError

KINDS = ("before", "after", "answer lost")


class Crash(BaseException):
    """The process is gone. Not an `Exception`: no handler of ours may see it, as none sees a SIGKILL."""


class Faults:
    """Strikes once, at call number ``at`` (from 1) of what runs inside `watched`; ``struck`` names the operation."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.at, self.kind, self.calls, self.on = 0, "", 0, False
        self.struck = ""
        original = Endpoint._get_response

        def respond(endpoint: Any, request: Any, operation: Any, context: Any) -> Any:
            if not self.on:
                return original(endpoint, request, operation, context)
            self.calls += 1
            if self.calls != self.at:
                return original(endpoint, request, operation, context)
            self.struck = operation.name
            if self.kind == "before":
                raise Crash
            original(endpoint, request, operation, context)
            if self.kind == "after":
                raise Crash
            return None, ReadTimeoutError(endpoint_url="here", error=TimeoutError())

        monkeypatch.setattr(Endpoint, "_get_response", respond)

    def arm(self, at: int, kind: str) -> None:
        self.at, self.kind, self.calls, self.struck = at, kind, 0, ""

    @contextmanager
    def watched(self) -> Iterator[None]:
        self.on = True
        try:
            yield
        finally:
            self.on = False


class Refusals:
    """DynamoDB refuses calls instead of doing them: ``plan`` says by (operation, its number from 1) with which answer, or None to let it pass."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.plan: Callable[[str, int], dict[str, Any] | None] = lambda operation, number: None
        self.calls: Counter[str] = Counter()
        original = Endpoint._get_response

        def respond(endpoint: Any, request: Any, operation: Any, context: Any) -> Any:
            self.calls[operation.name] += 1
            refused = self.plan(operation.name, self.calls[operation.name])
            if refused is None:
                return original(endpoint, request, operation, context)
            return (AWSResponse("https://here", 400, {}, None), refused), None

        monkeypatch.setattr(Endpoint, "_get_response", respond)


def refusal(code: str, *reasons: str) -> dict[str, Any]:
    """An answer as botocore parses it. reasons: of a canceled transaction, by position."""
    answer: dict[str, Any] = {"Error": {"Code": code, "Message": code}, "ResponseMetadata": {"HTTPStatusCode": 400}}
    return answer | ({"CancellationReasons": [{"Code": reason} for reason in reasons]} if reasons else {})

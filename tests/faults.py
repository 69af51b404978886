"""The n-th AWS call of a piece of work fails, for every n: before it, after it, or with its answer lost on the way back.

Below the SDK's own retries, so that a lost answer meets them as it does in the field.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.endpoint import Endpoint
from botocore.exceptions import ConnectTimeoutError, ReadTimeoutError

KINDS = ("before", "after", "answer lost")
_LASTING = "fails each time"
"""In the context of a call, which its tries share."""


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


class RandomFaults:
    """A share of the calls inside `watched` fails: throttled, by a fault of the service, by time that ran out before it, or with its answer lost.

    ``lasting``: how many of them may still fail as often as the SDK tries; whoever does something anew after such a fault sets it. ``struck`` counts all.
    """

    lasting = 0

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, seed: int, share: float) -> None:
        self.calls, self.on = 0, False
        self.struck: Counter[str] = Counter()
        chance = random.Random(seed)
        original = Endpoint._get_response

        def respond(endpoint: Any, request: Any, operation: Any, context: Any) -> Any:
            if not self.on:
                return original(endpoint, request, operation, context)
            self.calls += 1
            kind = context.get(_LASTING)
            if kind is None:
                if chance.random() >= share:
                    return original(endpoint, request, operation, context)
                kind = chance.choice(("throttled", "server fault", "never sent", "answer lost"))
                if self.lasting and chance.random() < 0.5:
                    self.lasting -= 1
                    context[_LASTING] = kind
            self.struck[kind] += 1
            if kind == "throttled":
                return (AWSResponse("https://here", 400, {}, None), refusal("ThrottlingException")), None
            if kind == "server fault":
                answer = refusal("InternalServerError") | {"ResponseMetadata": {"HTTPStatusCode": 500}}
                return (AWSResponse("https://here", 500, {}, None), answer), None
            if kind == "never sent":
                return None, ConnectTimeoutError(endpoint_url="here", error=TimeoutError())
            original(endpoint, request, operation, context)
            return None, ReadTimeoutError(endpoint_url="here", error=TimeoutError())

        monkeypatch.setattr(Endpoint, "_get_response", respond)
        # Between its own tries the SDK waits; here nobody does.
        monkeypatch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=lambda seconds: None, time=time.time))

    @contextmanager
    def watched(self) -> Iterator[None]:
        self.on = True
        try:
            yield
        finally:
            self.on = False

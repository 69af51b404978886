"""What all figures are made with."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from infra.local.stack import LocalStack


@dataclass(frozen=True)
class Figure:
    """One line of the table. ``good``: None where there is no goal, only a fact."""

    name: str
    goal: str
    measured: str
    good: bool | None = None


def quantile(values: list[float], part: float) -> float:
    return sorted(values)[min(len(values) - 1, int(part * len(values)))]


def account_of(stack: LocalStack) -> None:
    """From here on, AWS calls of this process go to the stack's emulator."""
    account = stack.home.account()
    os.environ.update(
        {
            "AWS_ENDPOINT_URL": stack.endpoint,
            "AWS_ACCESS_KEY_ID": account.key,
            "AWS_SECRET_ACCESS_KEY": account.secret,
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
        }
    )


@contextmanager
def timed_calls(stack: LocalStack) -> Iterator[list[tuple[str, float]]]:
    """The name and seconds of each AWS call of this process."""
    from botocore.endpoint import Endpoint

    account_of(stack)
    calls: list[tuple[str, float]] = []
    make_request = Endpoint.make_request

    def timed(self: Any, *arguments: Any) -> Any:
        started = time.perf_counter()
        try:
            return make_request(self, *arguments)
        finally:
            calls.append((arguments[0].name, time.perf_counter() - started))

    Endpoint.make_request = timed
    try:
        yield calls
    finally:
        Endpoint.make_request = make_request

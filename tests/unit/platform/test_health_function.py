"""Health tells what is down, fast, in one line, and answers for every path that nobody has."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest

from tests.integration.webhooks.functions import loaded

KNOWN = ("/v1/health", "/v1/health/live", "/v1/health/ready")


class Lines:
    """A logger whose lines can be read."""

    def __init__(self) -> None:
        self.written: list[dict[str, Any]] = []

    def append_keys(self, **keys: Any) -> None: ...

    def info(self, message: str, **fields: Any) -> None:
        self.written.append(fields)

    error = info


@pytest.fixture
def lines() -> Lines:
    return Lines()


@pytest.fixture
def health(lines: Lines, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    with loaded("health") as module:
        monkeypatch.setattr(module, "logger", lambda: lines)
        yield module


def get(health: ModuleType, path: str, method: str = "GET") -> tuple[int, dict[str, Any], dict[str, Any]]:
    resource = path if method == "GET" and path in KNOWN else "/{proxy+}"
    event = {"httpMethod": method, "path": path, "resource": resource, "headers": {}, "multiValueHeaders": {}}
    event |= {"queryStringParameters": None, "requestContext": {"stage": "live"}, "body": None}
    found = health.handler(event, None)
    return found["statusCode"], json.loads(found["body"]), found["multiValueHeaders"]


def parts(**checks: Callable[[], object]) -> Callable[[], dict[str, Callable[[], object]]]:
    return lambda: checks


def refuse() -> None:
    raise ConnectionError("table antiphon-secret-name at 10.0.0.1")


def test_it_is_there_and_alive(health: ModuleType, lines: Lines) -> None:
    assert get(health, "/v1/health")[:2] == (200, {"status": "ok"})
    status, body, _ = get(health, "/v1/health/live")
    assert (status, body["status"], body["time"][-1]) == (200, "ok", "Z")
    assert [line["status"] for line in lines.written] == [200, 200]


def test_ready_is_when_every_part_answers(health: ModuleType, lines: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "checks", parts(table=int, uploads_queue=int))
    status, body, _ = get(health, "/v1/health/ready")
    assert (status, body) == (200, {"status": "ok", "components": {"table": "ok", "uploads_queue": "ok"}})
    assert "down" not in lines.written[0]


def test_what_is_down_is_named_to_callers_and_explained_in_the_one_line(
    health: ModuleType, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    """O-11"""
    monkeypatch.setattr(health, "checks", parts(table=refuse, uploads_queue=int))
    status, body, headers = get(health, "/v1/health/ready")
    assert (status, headers["Retry-After"]) == (503, ["5"])
    assert body == {"status": "unavailable", "components": {"table": "down", "uploads_queue": "ok"}}
    (line,) = lines.written
    assert list(line["down"]) == ["table"]
    assert "antiphon-secret-name" in line["down"]["table"]


def test_parts_are_asked_at_the_same_time_and_not_for_ever(
    health: ModuleType, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    """O-11: one that hangs for ever is down; the others have answered meanwhile, though each waits for the other."""
    assert health.PATIENCE <= 2.0
    monkeypatch.setattr(health, "PATIENCE", 0.2)
    never, meeting = threading.Event(), threading.Barrier(2, timeout=5)
    monkeypatch.setattr(
        health, "checks", parts(table=never.wait, uploads_bucket=meeting.wait, results_bucket=meeting.wait)
    )
    try:
        status, body, _ = get(health, "/v1/health/ready")
    finally:
        never.set()
    assert status == 503
    assert body["components"] == {"table": "down", "uploads_bucket": "ok", "results_bucket": "ok"}
    assert lines.written[0]["down"] == {"table": "no answer"}


@pytest.mark.parametrize(("method", "path"), [("GET", "/v1/nothing"), ("POST", "/"), ("GET", "/v1/héalth")])
def test_every_other_path_is_a_problem_document(health: ModuleType, method: str, path: str) -> None:
    status, body, headers = get(health, path, method)
    assert (status, body["code"], headers["Content-Type"]) == (404, "not_found", ["application/problem+json"])


def test_another_method_is_refused_with_the_one_there_is(health: ModuleType) -> None:
    """A-53"""
    status, body, headers = get(health, "/v1/health", "PATCH")
    assert (status, body["code"], headers["Allow"]) == (405, "method_not_allowed", ["GET"])

"""Whom limits count, behind CloudFront and without it."""

from __future__ import annotations

from typing import Any

import pytest

from antiphon.platform.request import client_address

MARK = "0f8fad5b-d9cb-469f-a165-70867728950e"
VIEWER, EDGE = "203.0.113.9", "198.51.100.1"


def event(headers: dict[str, str] | None, mark: str | None = MARK) -> dict[str, Any]:
    variables = None if mark is None else {"edge": mark}
    return {"headers": headers, "stageVariables": variables, "requestContext": {"identity": {"sourceIp": EDGE}}}


def test_a_request_with_the_mark_of_our_edge_comes_from_whom_the_edge_saw() -> None:
    assert client_address(event({"X-Antiphon-Edge": MARK, "X-Antiphon-Viewer": VIEWER})) == VIEWER


@pytest.mark.parametrize(
    "headers",
    [None, {}, {"x-antiphon-viewer": VIEWER}, {"x-antiphon-edge": "guess", "x-antiphon-viewer": VIEWER}],
)
def test_nobody_else_can_say_who_they_are(headers: dict[str, str] | None) -> None:
    assert client_address(event(headers)) == EDGE


@pytest.mark.parametrize("mark", [None, ""])
def test_without_a_mark_no_header_counts(mark: str | None) -> None:
    assert client_address(event({"x-antiphon-edge": "", "x-antiphon-viewer": VIEWER}, mark)) == EDGE


def test_one_that_the_edge_did_not_see_is_unknown() -> None:
    assert client_address(event({"x-antiphon-edge": MARK})) == "unknown"

"""A request that X-Ray traces is known by the id of its trace, and the messages that it leads to, now or hours later, belong to the same trace."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_TRACE = re.compile(r"1-[0-9a-f]{8}-[0-9a-f]{24}")
_ROOT = re.compile(rf"(?:^|;)\s*Root=({_TRACE.pattern})\s*(?:;|$)")


def trace_of(header: str) -> str | None:
    """header: ``X-Amzn-Trace-Id``, as API Gateway writes it; a caller's own trace goes on."""
    found = _ROOT.search(header)
    return found[1] if found else None


def header_of(headers: Mapping[str, str]) -> str:
    """``X-Amzn-Trace-Id``, empty where a request has none."""
    return next((value for name, value in headers.items() if name.lower() == "x-amzn-trace-id"), "")


def sent_with(request_id: str | None) -> dict[str, Any]:
    """What tells SQS of the request behind a message, as arguments of its SendMessage. Whether a trace is kept, each service decides anew."""
    told: dict[str, Any] = {"MessageAttributes": _attribute("request_id", request_id) if request_id else {}}
    if request_id and _TRACE.fullmatch(request_id):
        told["MessageSystemAttributes"] = _attribute("AWSTraceHeader", f"Root={request_id}")
    return told


def _attribute(name: str, value: str) -> dict[str, Any]:
    return {name: {"DataType": "String", "StringValue": value}}

"""The one mapping from errors to ``application/problem+json`` (RFC 9457)."""

from __future__ import annotations

from typing import Any

from antiphon.platform.errors import AntiphonError, Field

CONTENT_TYPE = "application/problem+json"
DOCS = "/v1/docs/errors#"


def problem(error: AntiphonError, request_id: str) -> dict[str, Any]:
    body: dict[str, Any] = {
        "type": DOCS + error.code,
        "title": error.title,
        "status": error.status,
        "detail": error.detail,
        "code": error.code,
        "request_id": request_id,
    }
    if error.fields:
        body["errors"] = [{"field": f.field, "detail": f.detail} for f in error.fields]
    return body


def headers(error: AntiphonError) -> dict[str, str]:
    return {**error.headers, **({} if error.retry_after is None else {"Retry-After": str(error.retry_after)})}


def internal() -> AntiphonError:
    """What a caller sees of a defect: nothing but that it happened; the log has the rest under the request id."""
    return AntiphonError("The request failed on our side. Repeat it; if it fails again, report the request_id.")


__all__ = ["CONTENT_TYPE", "Field", "headers", "internal", "problem"]

"""Errors as OpenAI's API has them, for the routes that speak its protocol."""

from __future__ import annotations

from typing import Any

from antiphon.platform.errors import AntiphonError

PATHS = frozenset({"/v1/chat/completions"})
_BELOW = ("/v1/webhook_endpoints", "/v1/webhook_event_types")
_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
}
_CODES = {
    "unknown_model": "model_not_found",
    "quota_exceeded": "insufficient_quota",
    "rate_limited": "rate_limit_exceeded",
}


def speaks(path: str) -> bool:
    """Whether this path speaks OpenAI's protocol."""
    return path in PATHS or path.startswith(_BELOW)


def status_of(error: AntiphonError) -> int:
    """OpenAI says 400 of what cannot be understood, and 404 of a model that is not there."""
    if error.code == "unknown_model":
        return 404
    return 400 if error.status in (413, 422) else error.status


def error_object(error: AntiphonError) -> dict[str, Any]:
    status = status_of(error)
    kind = _TYPES.get(status) or ("invalid_request_error" if status < 500 else "server_error")
    param = error.fields[0].field if error.fields else None
    return {
        "error": {"message": error.detail, "type": kind, "param": param, "code": _CODES.get(error.code, error.code)}
    }

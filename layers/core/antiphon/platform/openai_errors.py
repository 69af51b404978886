"""Errors as OpenAI's API has them, for the routes that speak its protocol."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from antiphon.platform.errors import AntiphonError, Field, Invalid

PATHS = frozenset(
    {
        "/v1/chat/completions",
        "/v1/audio/transcriptions",
        "/v1/audio/translations",
        "/v1/audio/speech",
        "/v1/audio/voices",
    }
)
_BELOW = ("/v1/webhook_endpoints", "/v1/webhook_event_types")
_TYPES = {
    403: "permission_error",
    429: "rate_limit_error",
}
_CODES = {
    "unauthorized": "invalid_api_key",
    "unknown_model": "model_not_found",
    "quota_exceeded": "insufficient_quota",
    "budget_exceeded": "insufficient_quota",
    "rate_limited": "rate_limit_exceeded",
}


def speaks(path: str) -> bool:
    """Whether this path speaks OpenAI's protocol."""
    return path in PATHS or path.startswith(_BELOW)


def status_of(error: AntiphonError) -> int:
    """OpenAI says 400 of what cannot be understood, and 404 of a model that is not there."""
    if error.code == "unknown_model":
        return 404
    if error.code == "upload_too_large":
        return 413
    return 400 if error.status in (413, 415, 422) else error.status


def type_of(status: int) -> str:
    """OpenAI has none of its own for a key that is wrong and for what is not there."""
    return _TYPES.get(status) or ("invalid_request_error" if status < 500 else "server_error")


def code_of(code: str) -> str:
    """OpenAI's code for one of ours, which is the same for most."""
    return _CODES.get(code, code)


def error_object(error: AntiphonError) -> dict[str, Any]:
    param = error.fields[0].field if error.fields else None
    code = code_of(error.code)
    kind = code if code == "insufficient_quota" else type_of(status_of(error))
    return {"error": {"message": error.detail, "type": kind, "param": param, "code": code}}


def invalid(errors: Sequence[Mapping[str, Any]]) -> Invalid:
    """errors: of pydantic. The first of them in OpenAI's own words, where it has some; clients compare the code, people read the message."""
    first = errors[0]
    path = [part for part in first["loc"] if part not in ("body", "query", "path", "header")]
    field = str(path[0]) if path else None
    kind, given, bounds = first["type"], first.get("input"), first.get("ctx") or {}
    code, message = "invalid_value", first["msg"].removeprefix("Value error, ")
    if field is None:
        code, message = ("invalid_type", f"Invalid type for the body: {message[:1].lower()}{message[1:]}.")
        if kind == "missing":
            code, message = "missing_required_parameter", "Missing the body of the request."
    elif kind in _WORDS:
        code, words = _WORDS[kind]
        message = words(field, given, bounds)
    elif kind.endswith(("_type", "_parsing")):
        code, message = "invalid_type", f"Invalid type for '{field}': {message[:1].lower()}{message[1:]}."
    else:
        message = f"Invalid value for '{field}': {message}"
    return Invalid(message, code=code, fields=(Field(field, message),) if field else ())


def _long(field: str | None, given: Any, bounds: Mapping[str, Any]) -> str:
    most, length = bounds["max_length"], len(given)
    return f"Invalid '{field}': string too long. Expected a string with maximum length {most}, but got a string with length {length} instead."


def _short(field: str | None, given: Any, bounds: Mapping[str, Any]) -> str:
    got = f"a string with length {len(given)}" if given else "an empty string"
    return f"Invalid '{field}': string too short. Expected a string with minimum length {bounds['min_length']}, but got {got} instead."


def _beyond(kind: str, sign: str, bound: str) -> Callable[[str | None, Any, Mapping[str, Any]], str]:
    def words(field: str | None, given: Any, bounds: Mapping[str, Any]) -> str:
        limit = f"{bounds[bound]:g}"
        return f"Invalid '{field}': decimal {kind} value. Expected a value {sign} {limit}, but got {given} instead."

    return words


_WORDS: Mapping[str, tuple[str, Callable[[str | None, Any, Mapping[str, Any]], str]]] = {
    "missing": ("missing_required_parameter", lambda field, *_: f"Missing required parameter: '{field}'."),
    "extra_forbidden": ("unknown_parameter", lambda field, *_: f"Unknown parameter: '{field}'."),
    "literal_error": (
        "invalid_value",
        lambda field, given, bounds: (
            f"Invalid value: '{'null' if given is None else given}'. Supported values are: {bounds['expected']}."
        ),
    ),
    "string_too_long": ("string_above_max_length", _long),
    "string_too_short": ("string_below_min_length", _short),
    "less_than_equal": ("decimal_above_max_value", _beyond("above maximum", "<=", "le")),
    "greater_than_equal": ("decimal_below_min_value", _beyond("below minimum", ">=", "ge")),
}

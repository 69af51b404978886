"""JSON of requests, read strictly: what two parsers could read differently is refused (RFC 8259 leaves it open, attackers do not)."""

from __future__ import annotations

import json
import math
import re
from typing import Any

from antiphon.platform.errors import Field, Invalid

MAX_DEPTH = 100


def loads(text: str | bytes) -> Any:
    """Raises Invalid for no JSON in UTF-8, a name that comes twice in one object, NaN, Infinity, numbers beyond a float, and nesting deeper than `MAX_DEPTH`."""
    try:
        if isinstance(text, bytes):
            text = text.decode("utf-8")
        if _is_deep(text):
            raise ValueError(f"it is nested deeper than {MAX_DEPTH} levels")
        return json.loads(text, parse_constant=_no_constant, parse_float=_float, object_pairs_hook=_no_twins)
    except (ValueError, RecursionError) as error:
        said = (
            str(error) if not isinstance(error, json.JSONDecodeError | UnicodeDecodeError) else "it is no JSON in UTF-8"
        )
        raise Invalid(
            f"The body cannot be read: {said}.", fields=(Field("", "Send JSON with Content-Type: application/json."),)
        ) from error


_OUTSIDE = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)


def _is_deep(text: str) -> bool:
    """Ends at the first bracket that is too deep: the parser itself would fill the stack first."""
    depth = 0
    for match in _OUTSIDE.finditer(text):
        if match[0] in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                return True
        elif match[0] in "]}":
            depth -= 1
    return False


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("a number in it is too large")
    return number


def _no_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name comes twice in one object")
    return found

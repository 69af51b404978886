"""The JSON of a request, read so that it can mean one thing only, and in bounded time (RFC 8259, I-JSON of RFC 7493)."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from email.message import Message
from typing import Any

from antiphon.platform.errors import Field, Invalid, Unsupported

MAX_DEPTH = 32
"""Arrays and objects within each other."""
MAX_VALUES = 20_000
"""Members of all objects and arrays together."""

SURROGATE = re.compile("[\ud800-\udfff]")
_MARK = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[\[{\]},]', re.DOTALL)
"""A whole string, or what gives a document its structure: each character is looked at once."""


def require_json(content_type: str | None) -> None:
    """Raises Unsupported for a body that is declared as something else. None: nothing is declared, and JSON is meant."""
    if not content_type:
        return
    declared = Message()
    declared["content-type"] = content_type.strip().replace("\r", "").replace("\n", "")
    kind = declared.get_content_type()
    if kind != "application/json" and not (kind.startswith("application/") and kind.endswith("+json")):
        raise Unsupported("Send JSON with Content-Type: application/json.")


def parse(raw: bytes | str) -> Any:
    """The value of a JSON text in UTF-8.

    Raises Invalid for what is no JSON (NaN and a byte order mark among it), for a name that occurs twice in an object, a number beyond
    a double, half a surrogate pair, and for more than ``MAX_DEPTH`` levels or ``MAX_VALUES`` members, which are counted before anything is built.
    """
    try:
        text = raw.decode() if isinstance(raw, bytes) else raw
    except UnicodeDecodeError as error:
        raise _refused("", "Send JSON in UTF-8.") from error
    _bound(text)
    try:
        found = json.loads(text, parse_constant=_no_constant, object_pairs_hook=_once_each)
    except (ValueError, RecursionError) as error:
        raise _refused("", "Send JSON with Content-Type: application/json.") from error
    for path, detail in _wrong(found, "", ""):
        raise _refused(path, detail)
    return found


def _refused(field: str, detail: str) -> Invalid:
    return Invalid(
        f"{field}: {detail}" if field else f"The body must be JSON. {detail}", fields=(Field(field, detail),)
    )


def _bound(text: str) -> None:
    depth = members = 0
    for found in _MARK.finditer(text):
        mark = text[found.start()]
        if mark in "[{":
            depth += 1
            members += 1
        elif mark in "]}":
            depth -= 1
        elif mark == ",":
            members += 1
        if depth > MAX_DEPTH:
            raise _refused("", f"Send at most {MAX_DEPTH} levels.")
        if members > MAX_VALUES:
            raise _refused("", f"Send at most {MAX_VALUES} values.")


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise _refused(_shown(twice), "Send each name once.")
    return made


def _shown(name: str) -> str:
    return SURROGATE.sub("?", name[:100])


def _wrong(value: Any, path: str, dot: str) -> Iterator[tuple[str, str]]:
    """What is well-formed and yet cannot be kept. Recursion is as deep as the document, which is bounded."""
    if isinstance(value, str):
        if SURROGATE.search(value):
            yield path, "Send characters that can be written as UTF-8."
    elif isinstance(value, float):
        if math.isinf(value):
            yield path, "Send a smaller number."
    elif isinstance(value, dict):
        for name, inner in value.items():
            below = f"{path}{dot}{_shown(name)}"
            if SURROGATE.search(name):
                yield below, "Send characters that can be written as UTF-8."
            yield from _wrong(inner, below, ".")
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _wrong(inner, f"{path}[{index}]", ".")

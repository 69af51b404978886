"""What a field of a request may hold: each spec checks a value and gives its JSON schema, so that the two never differ.

For the light functions; the others have pydantic.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

from antiphon.platform.errors import Field

_SURROGATE = re.compile("[\ud800-\udfff]")
Found = Iterator[Field]


@dataclass(frozen=True)
class Spec:
    """Called with a path and a value it gives what is wrong, one `Field` each; ``schema``: JSON Schema 2020-12."""

    schema: Mapping[str, Any]
    wrong: Callable[[str, Any], Found]

    def __call__(self, path: str, value: Any) -> Found:
        return self.wrong(path, value)


def _spec(schema: Mapping[str, Any], check: Callable[[Any], str | None]) -> Spec:
    def wrong(path: str, value: Any) -> Found:
        if detail := check(value):
            yield Field(path, detail)

    return Spec(MappingProxyType(dict(schema)), wrong)


def text(least: int, most: int, *, pattern: str | None = None, format: str | None = None) -> Spec:
    """least, most: characters."""
    known = re.compile(pattern) if pattern else None

    def check(value: Any) -> str | None:
        if not isinstance(value, str):
            return "Send a text."
        if _SURROGATE.search(value):
            return "Send characters that can be written as UTF-8."
        if not least <= len(value) <= most:
            return f"Send {least} to {most} characters."
        return f"Send a text that matches {pattern}" if known and not known.search(value) else None

    schema: dict[str, Any] = {"type": "string", "minLength": least, "maxLength": most}
    return _spec(
        schema | ({"pattern": pattern} if pattern else {}) | ({"format": format} if format else {}),
        check,
    )


def choice(*texts: str) -> Spec:
    def check(value: Any) -> str | None:
        return None if isinstance(value, str) and value in texts else "Send one of " + ", ".join(texts) + "."

    return _spec({"type": "string", "enum": list(texts)}, check)


def boolean() -> Spec:
    return _spec({"type": "boolean"}, lambda value: None if isinstance(value, bool) else "Send true or false.")


def number(least: float, most: float) -> Spec:
    def check(value: Any) -> str | None:
        fine = isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= most
        return None if fine else f"Send a number from {least:g} to {most:g}."

    return _spec({"type": "number", "minimum": least, "maximum": most}, check)


def integer(least: int, most: int) -> Spec:
    """A whole number, also one written with a point and zeros, as JSON Schema has it."""

    def check(value: Any) -> str | None:
        whole = isinstance(value, int | float) and not isinstance(value, bool) and value == value // 1
        return None if whole and least <= value <= most else f"Send a whole number from {least} to {most}."

    return _spec({"type": "integer", "minimum": least, "maximum": most}, check)


def moment() -> Spec:
    """A time with its zone, RFC 3339."""

    def check(value: Any) -> str | None:
        try:
            found = datetime.fromisoformat(value.replace("Z", "+00:00")) if isinstance(value, str) else None
        except ValueError:
            found = None
        fine = found is not None and found.tzinfo is not None and len(value) >= 20
        return None if fine else "Send a time such as 2027-01-31T12:00:00Z."

    return _spec({"type": "string", "format": "date-time", "maxLength": 40}, check)


def anything() -> Spec:
    """Whatever JSON can say."""
    return _spec({}, lambda value: None)


def items(of: Spec, least: int, most: int) -> Spec:
    """A list."""

    def wrong(path: str, value: Any) -> Found:
        if not isinstance(value, list) or not least <= len(value) <= most:
            yield Field(path, f"Send a list of {least} to {most}.")
            return
        for at, item in enumerate(value):
            yield from of(f"{path}[{at}]", item)

    return Spec({"type": "array", "items": dict(of.schema), "minItems": least, "maxItems": most}, wrong)


def nullable(of: Spec) -> Spec:
    """null is a value of its own here: it removes what was there."""

    def wrong(path: str, value: Any) -> Found:
        if value is not None:
            yield from of(path, value)

    return Spec({"anyOf": [dict(of.schema), {"type": "null"}]}, wrong)


def record(
    required: Mapping[str, Spec] = MappingProxyType({}), optional: Mapping[str, Spec] = MappingProxyType({})
) -> Spec:
    """An object with just these fields."""
    known = {**required, **optional}

    def wrong(path: str, value: Any) -> Found:
        prefix = f"{path}." if path else ""
        if not isinstance(value, dict):
            yield Field(path, "Send an object in braces.")
            return
        for name in required:
            if name not in value:
                yield Field(prefix + name, "Is missing.")
        for name, item in value.items():
            if name in known:
                yield from known[name](prefix + name, item)
            else:
                yield Field(prefix + _SURROGATE.sub("?", name[:100]), "Is not known here.")

    schema: dict[str, Any] = {
        "type": "object",
        "properties": {name: dict(spec.schema) for name, spec in known.items()},
        "additionalProperties": False,
    }
    return Spec(schema | ({"required": list(required)} if required else {}), wrong)

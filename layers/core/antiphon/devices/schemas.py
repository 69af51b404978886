"""The JSON Schemas that a device declares for its actions, and arguments held against them.

A part of JSON Schema 2020-12 that is checked in bounded time whatever the arguments: the keywords below, no address outside the schema, no recursion, and
only regular expressions that cannot run away.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import islice
from typing import Any

from antiphon.platform.errors import Field, Invalid

NO_PARAMETERS: Mapping[str, Any] = {"type": "object", "properties": {}, "additionalProperties": False}
MAX_SCHEMA = 16_384
"""Bytes of one schema as JSON, its references written out."""
MAX_DEPTH = 12
MAX_PATTERN, MATCHED = 200, 256
"""Characters of a regular expression, and of a text that one is tried on."""
MAX_STEPS = MATCHED**3
"""What the worst text may cost a regular expression."""
_SHOWN, _FAULTS = 200, 10

_ONE = ("items", "additionalProperties", "propertyNames", "not")
_LISTED = ("anyOf", "oneOf", "allOf", "prefixItems")
_NAMED = ("properties",)
_PLAIN = frozenset(
    [
        "type",
        "enum",
        "const",
        "required",
        "pattern",
        "format",
        "minLength",
        "maxLength",
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "multipleOf",
        "minItems",
        "maxItems",
        "uniqueItems",
        "minProperties",
        "maxProperties",
        "title",
        "description",
        "default",
        "examples",
        "deprecated",
        "$comment",
    ]
)
_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_LOCAL = "#/$defs/"
_TOKEN = re.compile(
    r"\\(?P<escaped>.)|\[\^?\]?(?:\\.|[^\]\\])*\]|(?P<group>\((?P<kind>\?:|\?)?)|(?P<end>\))|(?P<bar>\|)"
    r"|(?P<many>[*+])|(?P<maybe>\?)|\{(?P<least>\d*)(?P<comma>,?)(?P<most>\d*)\}|.",
    re.DOTALL,
)


class _Wrong(Exception):
    """path: from the schema on; detail: what to do about it."""

    def __init__(self, path: str, detail: str) -> None:
        super().__init__(detail)
        self.path = path
        self.detail = detail


def declared(schema: Mapping[str, Any], field: str) -> dict[str, Any]:
    """The schema with its references written out. field: where it was sent. Raises Invalid."""
    try:
        written = _written_out(dict(schema))
        if len(json.dumps(written)) > MAX_SCHEMA:
            raise _Wrong("", f"Send at most {MAX_SCHEMA} bytes of JSON, references written out.")
        _known_to_the_library(written)
    except _Wrong as wrong:
        raise Invalid(
            f"{field}{wrong.path}: {wrong.detail}", fields=(Field(field + wrong.path, wrong.detail),)
        ) from None
    return written


def faults(schema: Mapping[str, Any], arguments: Mapping[str, Any], field: str = "arguments") -> tuple[Field, ...]:
    """What is wrong with the arguments. schema: as `declared` gave it."""
    try:
        found = [
            fault
            for error in islice(_validator()(schema).iter_errors(arguments), _FAULTS)
            for fault in _told(error, field)
        ]
    except ArithmeticError:
        found = [Field(field, "Send smaller numbers.")]
    return tuple(dict.fromkeys(found))[:_FAULTS]


def _written_out(schema: dict[str, Any]) -> dict[str, Any]:
    if schema.get("type") != "object":
        raise _Wrong(".type", 'Send "object": arguments have names.')
    if schema.pop("$schema", _DIALECT).rstrip("#") != _DIALECT:
        raise _Wrong(".$schema", f"Send {_DIALECT}, or nothing.")
    definitions = schema.pop("$defs", {})
    if not isinstance(definitions, dict):
        raise _Wrong(".$defs", "Send an object.")
    budget = [MAX_SCHEMA // 4]  # no schema of so many parts is within the bytes; counted before they are built
    return dict(_walk(schema, "", 0, definitions, (), budget))


def _walk(
    schema: Any, path: str, depth: int, definitions: dict[str, Any], within: tuple[str, ...], budget: list[int]
) -> Any:
    if isinstance(schema, bool):
        return schema
    if not isinstance(schema, dict):
        raise _Wrong(path, "Send a JSON Schema: an object, or true or false.")
    budget[0] -= 1 + len(schema)
    if depth > MAX_DEPTH or budget[0] < 0:
        raise _Wrong(path, f"Send a smaller schema: at most {MAX_DEPTH} levels and {MAX_SCHEMA} bytes.")

    def below(inner: Any, step: str) -> Any:
        return _walk(inner, f"{path}.{step}", depth + 1, definitions, within, budget)

    made: dict[str, Any] = {}
    for keyword, value in schema.items():
        here = f"{path}.{keyword[:50]}"
        if keyword == "$ref":
            name = value.removeprefix(_LOCAL) if isinstance(value, str) and value.startswith(_LOCAL) else None
            if name not in definitions:
                raise _Wrong(here, f"Send {_LOCAL} and a name that is there; nothing is fetched from other addresses.")
            if name in within:
                raise _Wrong(here, "A schema cannot contain itself.")
            target = _walk(definitions[name], here, depth + 1, definitions, (*within, name), budget)
            made["allOf"] = [*made.get("allOf", ()), target]
        elif keyword in _ONE:
            made[keyword] = below(value, keyword)
        elif keyword in _LISTED:
            if not isinstance(value, list) or not value:
                raise _Wrong(here, "Send a list of schemas.")
            made[keyword] = [*made.get(keyword, ()), *(below(inner, f"{keyword}.{n}") for n, inner in enumerate(value))]
        elif keyword in _NAMED:
            if not isinstance(value, dict):
                raise _Wrong(here, "Send an object of schemas by name.")
            made[keyword] = {name: below(inner, f"{keyword}.{name[:50]}") for name, inner in value.items()}
        elif keyword in _PLAIN:
            if keyword == "pattern":
                _check_pattern(value, here)
            made[keyword] = value
        else:
            raise _Wrong(here, "This keyword is not taken here.")
    return made


def _check_pattern(pattern: Any, path: str) -> None:
    if not isinstance(pattern, str) or len(pattern) > MAX_PATTERN:
        raise _Wrong(path, f"Send a regular expression of at most {MAX_PATTERN} characters.")
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError):
        raise _Wrong(path, "This is not a regular expression.") from None
    if _steps(pattern) > MAX_STEPS:
        raise _Wrong(
            path,
            "Send a simpler regular expression: begin it with ^, repeat single characters only and few of them, and leave out lookaround and back references.",
        )


def _steps(pattern: str) -> int:
    """How many ways there are, at most, to try it on a text of `MATCHED` characters."""
    steps = 1 if pattern.startswith("^") and "|" not in pattern.partition("(")[0] else MATCHED
    bars = groups = 0
    after_group = False
    for token in _TOKEN.finditer(pattern):
        repeated = token["many"] or token["least"] is not None
        if (token["escaped"] or "").isdigit() or token["kind"] == "?" or (after_group and repeated):
            return MAX_STEPS + 1
        if token["many"]:
            steps *= MATCHED
        elif token["maybe"]:
            steps *= 2
        elif token["least"] is not None and token["comma"]:
            steps *= min(int(token["most"] or MATCHED) - int(token["least"] or 0) + 1, MATCHED)
        groups += bool(token["group"])
        bars += bool(token["bar"])
        after_group = bool(token["end"])
    return min(steps * (bars + 1) ** max(groups, 1), MAX_STEPS + 1)


@cache
def _validator() -> Any:
    """Imported here, because it is heavy and most calls need none of it."""
    from jsonschema import Draft202012Validator, ValidationError, validators

    def pattern(_validator: Any, wanted: str, instance: Any, _schema: Any) -> Iterator[Any]:
        if not isinstance(instance, str):
            return
        if len(instance) > MATCHED:
            yield ValidationError(f"is longer than the {MATCHED} characters that can be held against a pattern")
        elif not re.search(wanted, instance):
            yield ValidationError(f"does not match {wanted!r}")

    return validators.extend(Draft202012Validator, {"pattern": pattern})


def _known_to_the_library(schema: dict[str, Any]) -> None:
    from jsonschema import Draft202012Validator, SchemaError

    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        raise _Wrong("".join(f".{step}" for step in error.absolute_path), error.message[:_SHOWN]) from None


def _told(error: Any, field: str) -> Iterator[Field]:
    here = field + "".join(f".{step}" for step in error.absolute_path)
    if error.validator == "required":
        yield from (
            Field(f"{here}.{name}", "Is missing.") for name in error.validator_value if name not in error.instance
        )
    elif error.validator == "additionalProperties" and error.validator_value is False:
        known = error.schema.get("properties", {})
        extra = islice((name for name in error.instance if name not in known), _FAULTS)
        yield from (Field(f"{here}.{name[:50]}", "The device knows no such argument.") for name in extra)
    else:
        yield Field(here, error.message[:_SHOWN])


__all__ = ["NO_PARAMETERS", "declared", "faults"]

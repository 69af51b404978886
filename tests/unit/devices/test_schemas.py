"""What a device may declare, and how arguments are held against it: bounded, whatever is sent."""

from __future__ import annotations

import time
from typing import Any

import pytest

from antiphon.devices.schemas import MATCHED, NO_PARAMETERS, declared, faults
from antiphon.platform.errors import Invalid


def object_of(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "additionalProperties": False}


def refused(schema: Any) -> tuple[str, str]:
    with pytest.raises(Invalid) as error:
        declared(schema, "p")
    (field,) = error.value.fields
    return field.field, field.detail


def test_arguments_are_held_against_the_schema_and_the_wrong_one_is_named() -> None:
    schema = declared(
        {**object_of(x={"type": "integer", "minimum": 0}, to={"enum": ["left", "right"]}), "required": ["x"]}, "p"
    )
    assert faults(schema, {"x": 3, "to": "left"}) == ()
    assert [f.field for f in faults(schema, {"x": -1})] == ["arguments.x"]
    assert [f.field for f in faults(schema, {"x": 1, "to": "up"})] == ["arguments.to"]
    assert {f.field: f.detail for f in faults(schema, {"y": 1})} == {
        "arguments.y": "The device knows no such argument.",
        "arguments.x": "Is missing.",
    }


def test_an_action_without_parameters_takes_none() -> None:
    schema = declared(NO_PARAMETERS, "p")
    assert faults(schema, {}) == ()
    assert [f.field for f in faults(schema, {"a": 1})] == ["arguments.a"]


def test_references_within_the_schema_are_written_out() -> None:
    point = object_of(x={"type": "integer"})
    written = declared({**object_of(of={"$ref": "#/$defs/point", "title": "Start"}), "$defs": {"point": point}}, "p")
    assert "$ref" not in str(written)
    assert faults(written, {"of": {"x": 1}}) == ()
    assert [f.field for f in faults(written, {"of": {"x": "a"}})] == ["arguments.of.x"]


@pytest.mark.parametrize(
    ("wrong", "where"),
    [
        ({"type": "string"}, "p.type"),
        ({"type": "object", "$schema": "http://json-schema.org/draft-07/schema#"}, "p.$schema"),
        (object_of(a={"$ref": "https://example.com/s.json"}), "p.properties.a.$ref"),
        (object_of(a={"$ref": "#"}), "p.properties.a.$ref"),
        (object_of(a={"$dynamicRef": "#x"}), "p.properties.a.$dynamicRef"),
        (object_of(a={"$id": "https://example.com/"}), "p.properties.a.$id"),
        (object_of(a={"unevaluatedProperties": False}), "p.properties.a.unevaluatedProperties"),
        (object_of(a={"patternProperties": {"(a+)+": {}}}), "p.properties.a.patternProperties"),
        (object_of(a={"type": "text"}), "p.properties.a.type"),
        (object_of(a={"minLength": -1}), "p.properties.a.minLength"),
        (object_of(a={"anyOf": []}), "p.properties.a.anyOf"),
        (object_of(a=7), "p.properties.a"),
        ({"type": "object", "properties": []}, "p.properties"),
        ({"type": "object", "$defs": []}, "p.$defs"),
        (object_of(a={"pattern": "("}), "p.properties.a.pattern"),
        (object_of(a={"pattern": 1}), "p.properties.a.pattern"),
        (object_of(a={"enum": ["x" * 20_000]}), "p"),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)
def test_what_cannot_be_taken_is_refused_where_it_is(wrong: Any, where: str) -> None:
    assert refused(wrong)[0] == where


def test_a_schema_that_contains_itself_is_refused() -> None:
    tree = {"type": "object", "properties": {"child": {"$ref": "#/$defs/tree"}}}
    assert "itself" in refused({**object_of(root={"$ref": "#/$defs/tree"}), "$defs": {"tree": tree}})[1]


def test_references_that_double_at_each_step_are_cut_off_before_they_are_built() -> None:
    definitions: dict[str, Any] = {
        f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}, {"$ref": f"#/$defs/d{n + 1}"}]} for n in range(40)
    }
    definitions["d40"] = {"type": "integer"}
    started = time.process_time()
    refused({**object_of(a={"$ref": "#/$defs/d0"}), "$defs": definitions})
    assert time.process_time() - started < 1


def test_deep_schemas_are_refused() -> None:
    schema: dict[str, Any] = {"type": "integer"}
    for _ in range(40):
        schema = object_of(a=schema)
    assert "levels" in refused(schema)[1]


@pytest.mark.parametrize(
    "pattern",
    [
        r"^(on|off)$",
        r"^\+?[0-9]{5,15}$",
        r"^[a-z]+\.[a-z]+\.[a-z0-9.]+$",
        r"^[^)(]{1,20}$",
        r"[a-z]{2}-[A-Z]{2}",
        r"^\d{2}:\d{2}$",
        r"a{x}",
        r"^[]a]b$",
    ],
)
def test_usual_patterns_are_taken(pattern: str) -> None:
    declared(object_of(a={"pattern": pattern}), "p")


@pytest.mark.parametrize(
    "pattern",
    [
        r"(a+)+$",
        r"(a|aa)*$",
        r"^(a|a){20}$",
        r"a*a*a*b",
        r"^a*a*a*a*b",
        r"^" + "a?" * 30 + "a" * 30,
        r"^" + "(a|a)" * 30 + "b",
        r"(?=a)a",
        r"(?:ab)+",
        r"(a)\1",
        r"^(?i:a)",
        r"^a|b*b*b*c",
        "a" * 201,
    ],
)
def test_patterns_that_can_run_away_are_refused(pattern: str) -> None:
    assert refused(object_of(a={"pattern": pattern}))[0] == "p.properties.a.pattern"


def test_the_worst_pattern_that_is_taken_ends_on_the_worst_text() -> None:
    schema = declared(object_of(a={"pattern": "^a*a*a*b"}), "p")
    started = time.process_time()
    assert faults(schema, {"a": "a" * MATCHED})
    assert time.process_time() - started < 2
    assert "characters" in faults(schema, {"a": "a" * (MATCHED + 1)})[0].detail


def test_numbers_beyond_a_double_are_no_defect() -> None:
    schema = declared(object_of(a={"multipleOf": 0.1}), "p")
    assert [f.field.split(".")[0] for f in faults(schema, {"a": 10**400})] == ["arguments"]

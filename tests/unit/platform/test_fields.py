"""A spec refuses what its own schema refuses: held against a validator that everybody uses."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.platform import fields
from antiphon.platform.fields import Spec

SPECS = {
    "text": fields.text(2, 5),
    "pattern": fields.text(1, 20, pattern=r"^[a-z]+$"),
    "choice": fields.choice("a", "b"),
    "boolean": fields.boolean(),
    "number": fields.number(0.25, 4),
    "integer": fields.integer(1, 20),
    "items": fields.items(fields.integer(1, 3), 1, 2),
    "nullable": fields.nullable(fields.boolean()),
    "record": fields.record({"a": fields.boolean()}, {"b": fields.record(optional={"c": fields.text(1, 2)})}),
}
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-2, 25)
    | st.floats(-1, 25)
    | st.sampled_from(["", "a", "b", "ab", "abcdef", "\U0001f399"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "c", "d"]), inner, max_size=3)
    ),
    max_leaves=4,
)


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
@given(value=VALUES)
def test_check_and_schema_are_of_one_mind(spec: Spec, value: Any) -> None:
    said = list(spec("", value))
    assert bool(said) != jsonschema.Draft202012Validator(dict(spec.schema)).is_valid(value)
    assert all(wrong.detail for wrong in said)


@pytest.mark.parametrize("text", ["2027-01-31T12:00:00Z", "2027-01-31T12:00:00.5+02:00"])
def test_a_moment_has_a_zone(text: str) -> None:
    assert not list(fields.moment()("at", text))


@pytest.mark.parametrize("value", ["2027-01-31", "2027-01-31T12:00:00", "tomorrow", "", 7, None])
def test_other_moments_are_refused(value: Any) -> None:
    assert [wrong.field for wrong in fields.moment()("at", value)] == ["at"]


def test_what_is_wrong_is_named_by_its_path() -> None:
    spec = fields.record({"a": fields.items(SPECS["record"], 1, 3)}, {})
    found = list(spec("", {"a": [{"a": 1}, {"a": True, "b": {"c": 7, "x": 1}}], "z": 1}))
    assert [wrong.field for wrong in found] == ["a[0].a", "a[1].b.c", "a[1].b.x", "z"]

"""Bounds of the operations, and what each does to the length."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from antiphon.media.operations import MAX_HOURS, WHOLE_SECONDS, check, joined, operation_of, plain
from antiphon.platform.errors import Invalid

OTHER = "med_01ARZ3NDEKTSV4RRFFQ69G5FAV"


def checked(duration: float, *operations: dict[str, Any]) -> float:
    return check([operation_of(each) for each in operations], duration, {OTHER: 5.0})


@pytest.mark.parametrize(
    ("operation", "seconds"),
    [
        ({"op": "trim", "start": 1}, 9),
        ({"op": "trim", "end": 4}, 4),
        ({"op": "trim", "start": 1, "end": 4}, 3),
        ({"op": "trim", "end": 10.005}, 10),
        ({"op": "cut", "start": 1, "end": 4}, 7),
        ({"op": "concat", "media_ids": [OTHER, OTHER]}, 20),
        ({"op": "speed", "factor": 2}, 5),
        ({"op": "speed", "factor": 0.5}, 20),
        ({"op": "pitch", "semitones": 3}, 10),
        ({"op": "fade", "in": 10}, 10),
        ({"op": "convert", "format": "mp3"}, 10),
    ],
)
def test_the_length_of_the_result_is_known_before(operation: dict[str, Any], seconds: float) -> None:
    assert checked(10, operation) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("operation", "place", "words"),
    [
        ({"op": "trim", "start": 10}, "operations[1].start", "lies beyond the end (5.0 s)"),
        ({"op": "trim", "end": 5.1}, "operations[1].end", "lies beyond the end (5.0 s)"),
        ({"op": "cut", "start": 1, "end": 6}, "operations[1].end", "lies beyond the end (5.0 s)"),
        ({"op": "cut", "start": 0, "end": 5}, "operations[1]", "nothing would be left"),
        ({"op": "fade", "out": 6}, "operations[1].out", "is longer than the recording (5.0 s)"),
    ],
)
def test_what_lies_beyond_the_end_is_named_with_its_place(operation: dict[str, Any], place: str, words: str) -> None:
    """Times are those of what the operation before has left."""
    with pytest.raises(Invalid) as refused:
        checked(10, {"op": "speed", "factor": 2}, operation)
    assert refused.value.code == "operation_out_of_range"
    (field,) = refused.value.fields
    assert (field.field, field.detail) == (place, f"{words}.")


def test_what_must_be_seen_as_a_whole_and_what_grows_is_bounded() -> None:
    for operation in ({"op": "reverse"}, {"op": "normalize"}):
        assert checked(WHOLE_SECONDS, operation) == WHOLE_SECONDS
        with pytest.raises(Invalid):
            checked(WHOLE_SECONDS + 1, operation)
    with pytest.raises(Invalid, match="12 hours"):
        checked(MAX_HOURS * 3600 / 2 + 1, {"op": "speed", "factor": 0.5})


@pytest.mark.parametrize(
    "data",
    [
        {"op": "trim"},
        {"op": "trim", "start": 2, "end": 2},
        {"op": "trim", "start": -1},
        {"op": "cut", "start": 3, "end": 2},
        {"op": "cut", "start": 3},
        {"op": "fade"},
        {"op": "gain", "db": 61},
        {"op": "gain", "db": float("nan")},
        {"op": "speed", "factor": 5},
        {"op": "pitch", "semitones": 25},
        {"op": "concat", "media_ids": []},
        {"op": "concat", "media_ids": ["../etc/passwd"]},
        {"op": "convert"},
        {"op": "convert", "format": "exe"},
        {"op": "channels", "to": "up"},
        {"op": "reverse", "loudly": True},
        {"op": "explode"},
        {},
    ],
)
def test_what_is_no_operation_is_refused(data: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        operation_of(data)


@given(st.floats(0, 100), st.floats(0.1, 50))
def test_an_operation_comes_back_from_its_plain_form(start: float, span: float) -> None:
    for data in ({"op": "cut", "start": start, "end": start + span}, {"op": "fade", "in": span, "out": start}):
        made = operation_of(data)
        assert plain(made) == data
        assert operation_of(plain(made)) == made


def test_the_items_that_are_joined_are_named_in_order() -> None:
    made = [operation_of({"op": "concat", "media_ids": [OTHER]}), operation_of({"op": "reverse"})]
    assert list(joined(made)) == [OTHER]

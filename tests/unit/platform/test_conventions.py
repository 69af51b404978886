"""Ids, cursors and problem documents."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.platform.clock import from_rfc3339, rfc3339
from antiphon.platform.cursors import decode_cursor, encode_cursor
from antiphon.platform.errors import BadCursor, Field, Invalid, TooMany, Unauthorized
from antiphon.platform.ids import derived_id, is_id, new_id, time_of
from antiphon.platform.problem import headers, problem
from antiphon.platform.request import caller_of, request_id_of

NOON = datetime(2026, 11, 20, 12, 0, 0, 123000, tzinfo=UTC)


def test_ids_say_what_and_when() -> None:
    made = new_id("job", NOON)
    assert is_id(made, "job")
    assert not is_id(made, "med")
    assert time_of(made) == NOON


@given(st.lists(st.text(max_size=20), min_size=1, max_size=4), st.integers(0, 70_000))
def test_derived_ids_repeat(parts: list[str], order: int) -> None:
    assert derived_id("evt", NOON, *parts, order=order) == derived_id("evt", NOON, *parts, order=order)
    assert derived_id("evt", NOON, *parts, "x") != derived_id("evt", NOON, *parts)


def test_derived_ids_of_one_moment_sort_by_their_order() -> None:
    made = [derived_id("evt", NOON, "job", str(n), order=n) for n in range(300)]
    assert made == sorted(made)


@given(st.text(max_size=50), st.lists(st.text(max_size=10), max_size=3))
def test_a_cursor_comes_back_in_its_own_list_only(position: str, scope: list[str]) -> None:
    """A-43"""
    cursor = encode_cursor(position, *scope)
    assert decode_cursor(cursor, *scope) == position
    with pytest.raises(BadCursor):
        decode_cursor(cursor, *scope, "other")


def spelled(content: bytes) -> str:
    return urlsafe_b64encode(content).decode().rstrip("=")


def test_a_cursor_that_was_given_long_ago_is_still_good() -> None:
    """T-06: clients keep cursors while a new release takes over."""
    cursor = "WyJkMzVlY2M4OGEyNTEiLCJqb2JfMSJd"
    assert encode_cursor("job_1", "usr_1", "jobs") == cursor
    assert decode_cursor(cursor, "usr_1", "jobs") == "job_1"
    assert decode_cursor(None, "usr_1", "jobs") is None
    assert decode_cursor("", "usr_1", "jobs") is None


def test_lists_are_told_apart_where_their_names_run_together() -> None:
    """T-06, A-43."""
    with pytest.raises(BadCursor):
        decode_cursor(encode_cursor("job_1", "usr_1", "jobs"), "usr_1j", "obs")


@given(cursor=st.text(max_size=30), at=st.integers(0, 60), junk=st.sampled_from("!=\n X-_é"))
def test_another_spelling_of_a_cursor_is_refused(cursor: str, at: int, junk: str) -> None:
    """U-25, A-43: base64 leaves out what it does not know; a cursor is taken as it was given or not at all."""
    good = encode_cursor(cursor, "list")
    with pytest.raises(BadCursor):
        decode_cursor(good[:at] + junk + good[at:], "list")


@given(
    st.binary(min_size=1, max_size=80)
    | st.recursive(st.none() | st.text(max_size=3) | st.integers(), st.lists).map(
        lambda found: json.dumps(found).encode()
    )
)
def test_whatever_a_cursor_holds_it_is_read_or_refused(content: bytes) -> None:
    """U-25."""
    with pytest.raises(BadCursor):
        decode_cursor(spelled(content), "list")


@pytest.mark.parametrize(
    "content", [b"[" * 6_000, b"7", b"null", b"[]", b'["x"]', b'["x","y","z"]', b"\xff", b"1" * 5_000]
)
def test_a_cursor_that_holds_something_else_is_refused(content: bytes) -> None:
    """T-06, U-25: what nests too deep for the parser, too."""
    with pytest.raises(BadCursor):
        decode_cursor(spelled(content), "list")


def test_a_position_is_a_text() -> None:
    """T-06."""
    scope = json.loads(urlsafe_b64decode(encode_cursor("x", "list") + "=="))[0]
    assert decode_cursor(spelled(json.dumps([scope, "x"], separators=(",", ":")).encode()), "list") == "x"
    for position in (7, None, ["x"], {"x": "y"}):
        with pytest.raises(BadCursor):
            decode_cursor(spelled(json.dumps([scope, position], separators=(",", ":")).encode()), "list")


@given(st.text(min_size=1, max_size=60))
def test_other_cursors_are_refused(text: str) -> None:
    """A-43"""
    with pytest.raises(BadCursor):
        decode_cursor(text, "list")


@given(st.datetimes(min_value=datetime(2000, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001 - the strategy wants it without
def test_times_sort_as_text(moment: datetime) -> None:
    kept = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    assert from_rfc3339(rfc3339(moment)) == kept
    assert len(rfc3339(moment)) == 24


def test_a_problem_names_its_fields() -> None:
    body = problem(Invalid("No.", fields=(Field("a.b", "Send a number."),)), "req_1")
    assert (body["status"], body["code"], body["request_id"]) == (422, "invalid_request", "req_1")
    assert body["errors"] == [{"field": "a.b", "detail": "Send a number."}]
    assert headers(TooMany("Wait.", retry_after=3)) == {"Retry-After": "3"}


@pytest.mark.parametrize("given_id", ["", "a b", "x" * 65, "é", "a\nb"])
def test_a_bad_request_id_is_replaced(given_id: str) -> None:
    assert request_id_of({"X-Request-ID": "mine-1"}) == "mine-1"
    assert is_id(request_id_of({"x-request-id": given_id}), "req")


def test_without_an_authorizer_nobody_is_let_in() -> None:
    with pytest.raises(Unauthorized):
        caller_of({"requestContext": {}})

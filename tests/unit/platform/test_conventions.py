"""Ids, cursors and problem documents."""

from __future__ import annotations

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

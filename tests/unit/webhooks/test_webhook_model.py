from __future__ import annotations

import json
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.platform.events import Event
from antiphon.platform.ids import derived_id
from antiphon.webhooks import model
from antiphon.webhooks.model import (
    EVENT_NAME,
    EVENT_TYPES,
    LADDER,
    TEST_EVENT,
    Delivery,
    Outcome,
    Status,
    Trigger,
    attempted,
    begin,
    expects,
    known,
    masked,
    matches,
    next_errand,
    next_wait,
    retry_after,
)

NOW = datetime(2026, 11, 20, 12, 0, 0, tzinfo=UTC)
EVENT = Event(
    derived_id("evt", NOW, "x"), "usr_1", "speech.succeeded", NOW, {"id": "job_1", "metadata": {"note": "Öl 🎙"}}
)
OK = Outcome(200, None, 5)
BAD = Outcome(500, None, 5)


def delivery() -> Delivery:
    return begin(EVENT, "whk_1", "https://hooks.example.com", NOW)


def ended(outcome: Outcome, draw: float = 0.5) -> Delivery:
    return attempted(delivery(), next_errand(delivery()), NOW, outcome, NOW, draw)


@pytest.mark.parametrize("status", range(200, 300))
def test_every_2xx_is_success(status: int) -> None:
    """W-10."""
    after = ended(Outcome(status, None, 1))
    assert (after.status, after.next_attempt_at, after.due_at) == (Status.SUCCEEDED, None, None)


@pytest.mark.parametrize(
    "outcome",
    [
        *(Outcome(s, None, 1) for s in (100, 199, 300, 301, 302, 304, 308, 400, 401, 404, 429, 500, 503, 599)),
        Outcome(None, "unreachable", 1),
        Outcome(200, "timeout", 1),
    ],
)
def test_nothing_else_is(outcome: Outcome) -> None:
    """W-10."""
    after = ended(outcome)
    assert after.status is Status.PENDING
    assert after.next_attempt_at is not None


def test_ten_attempts_on_the_ladder_then_it_failed() -> None:
    """W-11: nominal end 75 h 35 min 5 s after the first."""
    current, now, times = delivery(), NOW, []
    while current.status is Status.PENDING:
        assert current.next_attempt_at is not None
        now = current.next_attempt_at
        times.append(now - NOW)
        current = attempted(current, next_errand(current), now, BAD, now, 0.5)
    assert len(times) == 10
    assert times[0] == timedelta(0)
    assert [later - earlier for earlier, later in pairwise(times)] == list(LADDER[1:])
    assert times[-1] == timedelta(hours=75, minutes=35, seconds=5)
    assert (current.status, current.due_at, current.planned) == (Status.FAILED, None, 10)


def test_jitter_stays_in_its_band_and_no_two_series_are_equal() -> None:
    """W-11: uniform within 20 % either way, over 1,000 series."""
    draw = random.Random(7).random
    series = {tuple(next_wait(made, BAD, NOW, draw()) for made in range(1, 10)) for _ in range(1000)}
    assert len(series) == 1000
    for waits in series:
        for wait, nominal in zip(waits, LADDER[1:], strict=True):
            assert wait is not None
            assert nominal * 0.8 <= wait <= nominal * 1.2
    lowest = min(wait / nominal for waits in series for wait, nominal in zip(waits, LADDER[1:], strict=True) if wait)
    highest = max(wait / nominal for waits in series for wait, nominal in zip(waits, LADDER[1:], strict=True) if wait)
    assert lowest < 0.81
    assert highest > 1.19


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("7", 7), (" 7 ", 7), ("6.2", 7), ("7.0", 7), ("0", 0), ("120", 120),
        (format_datetime(NOW + timedelta(seconds=90), usegmt=True), 90),
        ("Friday, 20-Nov-26 12:01:30 GMT", 90),
        (format_datetime(NOW - timedelta(seconds=90), usegmt=True), None),
        ("", None), (None, None), ("soon", None), ("-5", None), ("1e3", None), ("nan", None), ("inf", None), ("٣", None), ("7 s", None),
        ("9" * 400, None), ("Fri, 99 Nov 2026 12:00:00 GMT", None),
    ],
)  # fmt: skip
def test_retry_after_is_read_in_all_its_forms_and_garbage_is_ignored(text: str | None, seconds: int | None) -> None:
    """W-13."""
    assert retry_after(text, NOW) == (None if seconds is None else timedelta(seconds=seconds))


@pytest.mark.parametrize(
    ("made", "asked", "expected"),
    [
        (1, "7", 7),
        (1, "1", 5),
        (1, "60", 10),
        (2, "400.5", 401),
        (9, "90000", 24 * 3600),
        (8, "80000", 80000),
        (8, "200000", 24 * 3600),
        (1, "rubbish", 5),
    ],
)
def test_retry_after_counts_between_the_plan_and_twice_the_plan_but_never_above_a_day(
    made: int, asked: str, expected: int
) -> None:
    """W-13."""
    assert next_wait(made, replace(BAD, status_code=503, retry_after=asked), NOW, 0.5) == timedelta(seconds=expected)


@given(made=st.integers(1, 9), asked=st.integers(0, 10**9), draw=st.floats(0, 1, exclude_max=True))
def test_retry_after_never_shortens_the_plan_nor_lengthens_it_beyond_its_bounds(
    made: int, asked: int, draw: float
) -> None:
    """W-13."""
    planned = next_wait(made, BAD, NOW, draw)
    waited = next_wait(made, replace(BAD, retry_after=str(asked)), NOW, draw)
    assert planned is not None
    assert waited is not None
    assert planned <= waited <= max(planned, min(2 * planned, timedelta(hours=24)))


@pytest.mark.parametrize(
    "outcome", [Outcome(429, None, 1), Outcome(None, "timeout", 15000), Outcome(429, None, 1, retry_after="1")]
)
@pytest.mark.parametrize("draw", [0.0, 0.999])
def test_an_overloaded_receiver_gets_a_minute(outcome: Outcome, draw: float) -> None:
    """W-13."""
    wait = next_wait(1, outcome, NOW, draw)
    assert wait is not None
    assert timedelta(seconds=60) <= wait <= timedelta(seconds=72)


def test_410_ends_the_plan() -> None:
    after = ended(Outcome(410, None, 1))
    assert (after.status, after.next_attempt_at, after.due_at) == (Status.FAILED, None, None)


def test_a_manual_attempt_leaves_the_plan_and_can_turn_failure_into_success() -> None:
    """W-19."""
    pending = ended(BAD)
    errand = replace(next_errand(pending), manual="req_1")
    assert expects(pending, errand)
    after = attempted(pending, errand, NOW, OK, NOW, 0.5)
    assert (after.status, after.planned, after.next_attempt_at, after.due_at) == (
        Status.PENDING,
        1,
        pending.next_attempt_at,
        pending.due_at,
    )
    assert after.attempts[-1].trigger is Trigger.MANUAL
    assert not expects(after, errand)
    assert expects(after, next_errand(after))
    failed = ended(Outcome(410, None, 1))
    assert attempted(failed, errand, NOW, BAD, NOW, 0.5).status is Status.FAILED
    assert attempted(failed, errand, NOW, OK, NOW, 0.5).status is Status.SUCCEEDED


def test_id_and_body_stay_the_same_over_all_attempts() -> None:
    """W-05."""
    first = delivery()
    current = first
    for _ in range(10):
        current = attempted(current, next_errand(current), NOW, BAD, NOW, 0.5)
        assert (current.id, current.event_id, current.body) == (first.id, first.event_id, first.body)
    assert json.loads(first.body) == {
        "type": "speech.succeeded",
        "timestamp": "2026-11-20T12:00:00.000Z",
        "data": {"id": "job_1", "metadata": {"note": "Öl 🎙"}},
    }


def test_a_body_always_encodes() -> None:
    """W-04: half a surrogate pair in a user's metadata must not stop the delivery."""
    broken = replace(EVENT, data={"metadata": {"x": "\ud83d"}})
    assert json.loads(model.body_of(broken).encode())["data"] == {"metadata": {"x": "?"}}


@pytest.mark.parametrize(
    ("pattern", "event", "expected"),
    [
        ("*", "speech.succeeded", True),
        ("speech.*", "speech.succeeded", True),
        ("speech.*", "speechless.x", False),
        ("speech.*", "speech", False),
        ("speech.succeeded", "speech.succeeded", True),
        ("speech.succeeded", "speech.succeeded2", False),
        ("transcription.*", "speech.succeeded", False),
    ],
)
def test_patterns_match_whole_names_and_branches(pattern: str, event: str, expected: bool) -> None:
    """W-25."""
    assert matches((pattern,), event) is expected
    assert matches(("media.edited", pattern), event) is expected
    assert not matches((), event)


def test_every_event_of_ours_has_a_proper_name() -> None:
    """W-25."""
    for name in (*EVENT_TYPES, TEST_EVENT):
        assert EVENT_NAME.fullmatch(name), name
        assert known(name)


@pytest.mark.parametrize(
    "pattern",
    [
        "",
        "**",
        "speech*",
        "*.succeeded",
        "speech.",
        ".speech",
        "Speech.*",
        "speech..x",
        "speach.*",
        "speech.done",
        "speech.*.x",
        "speech.*\n",
    ],
)
def test_a_pattern_that_can_never_match_is_not_known(pattern: str) -> None:
    """W-25."""
    assert not known(pattern)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://example.com/a", "https://example.com/a"),
        ("https://example.com/a?token=secret&b=c", "https://example.com/a?token=***&b=***"),
        ("https://example.com/?secret", "https://example.com/?***"),
        ("https://example.com/?a=b=c?d", "https://example.com/?a=***"),
    ],
)
def test_values_of_a_query_are_not_shown(url: str, shown: str) -> None:
    """W-20."""
    assert masked(url) == shown


def test_a_secret_is_not_in_the_text_of_an_endpoint() -> None:
    """W-02."""
    secret = model.Secret("key_1", "v1.geheim", "whsec_…heim", NOW)
    endpoint = model.Endpoint("whk_1", "usr_1", "https://example.com", ("*",), NOW, (secret,))
    assert "geheim" not in f"{endpoint} {endpoint!r}"


def test_of_a_secret_a_hint_is_shown_and_it_opens_where_it_belongs() -> None:
    """W-02."""
    secret = model.new_secret()
    assert model.hint_of(secret) == f"whsec_…{secret[-4:]}"
    assert model.place_of("usr_1", "whk_1") == "usr_1/whk_1"


def kept(number: int, until: datetime | None = None) -> model.Secret:
    return model.Secret(f"key_{number}", f"v1.{number}", "whsec_…", NOW, until)


def test_a_secret_that_was_replaced_signs_for_another_day_and_no_longer() -> None:
    """W-06."""
    day = timedelta(hours=24)
    once = model.rotated((kept(1),), kept(2), NOW)
    assert [s.id for s in model.signing(once, NOW + day - timedelta(seconds=1))] == ["key_2", "key_1"]
    assert [s.id for s in model.signing(once, NOW + day)] == ["key_2"]
    hour = NOW + timedelta(hours=1)
    twice = model.rotated(once, kept(3), hour)
    assert [(s.id, s.until) for s in twice] == [("key_3", None), ("key_2", hour + day), ("key_1", NOW + day)]
    assert [s.id for s in model.rotated(twice, kept(4), NOW + 2 * day)] == ["key_4", "key_3"]
    assert model.rotated(twice, kept(4), hour, keep_old=False) == (kept(4),)

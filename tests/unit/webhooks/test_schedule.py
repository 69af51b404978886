"""T-06: the plan of a delivery and of an endpoint that fails, to the second."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from antiphon.platform.events import Event
from antiphon.platform.ids import derived_id
from antiphon.webhooks import model
from antiphon.webhooks.model import (
    LADDER,
    Attempt,
    Delivery,
    Endpoint,
    Errand,
    Failing,
    Outcome,
    Secret,
    Status,
    Trigger,
    attempted,
    begin,
    failed_again,
    next_wait,
    retry_after,
    turn_after,
    worth_noting,
)

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
SECOND, MINUTE, HOUR, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
EVENT = Event(derived_id("evt", NOW, "x"), "usr_1", "speech.succeeded", NOW, {"id": "job_1"})
OK, BAD, SLOW, GONE = (
    Outcome(code, error, 5) for code, error in ((200, None), (500, None), (None, "timeout"), (410, None))
)
PENDING, SUCCEEDED, FAILED, CANCELED = Status


def delivery(**changes: Any) -> Delivery:
    return replace(begin(EVENT, "whk_1", "https://hooks.example.com/", NOW), **changes)


def errand(**changes: Any) -> Errand:
    return replace(Errand("usr_1", "whk_1", EVENT.id), **changes)


def test_the_ladder_is_the_one_that_is_promised() -> None:
    """T-06, W-11."""
    seconds = [0, 5, 5 * 60, 30 * 60, 2 * 3600, 5 * 3600, 10 * 3600, 14 * 3600, 20 * 3600, 24 * 3600]
    assert list(LADDER) == [timedelta(seconds=s) for s in seconds]


def test_a_delivery_begins_with_its_first_attempt_or_with_none() -> None:
    """T-06."""
    whole = Delivery(
        id=model.delivery_id(EVENT.id, "whk_1"),
        user_id="usr_1",
        endpoint_id="whk_1",
        event_id=EVENT.id,
        event_type="speech.succeeded",
        url="https://hooks.example.com/",
        body='{"type":"speech.succeeded","timestamp":"2026-11-20T12:00:00.000Z","data":{"id":"job_1"}}',
        created_at=NOW,
        status=PENDING,
        planned=0,
        next_attempt_at=NOW,
        due_at=NOW + 5 * MINUTE,
        attempts=(),
        version=1,
    )
    assert delivery() == whole
    unplanned = begin(EVENT, "whk_1", "https://hooks.example.com/", NOW, planned=False)
    assert unplanned == replace(whole, status=FAILED, next_attempt_at=None, due_at=None)
    assert whole.expires_at == NOW + 30 * DAY


@pytest.mark.parametrize(
    ("planned", "outcome", "status", "wait", "due"),
    [
        (0, OK, SUCCEEDED, None, None),
        (0, GONE, FAILED, None, None),
        (9, BAD, FAILED, None, None),
        (0, BAD, PENDING, 5 * SECOND, 5 * SECOND + 5 * MINUTE),
        (1, BAD, PENDING, 5 * MINUTE, 10 * MINUTE),
        (2, BAD, PENDING, 30 * MINUTE, 30 * MINUTE),
        (8, BAD, PENDING, DAY, DAY),
    ],
)
def test_an_attempt_of_the_plan_leads_to_the_next(
    planned: int, outcome: Outcome, status: Status, wait: timedelta | None, due: timedelta | None
) -> None:
    """T-06: short waits are the queue's, and the sweep looks after a lost message; long ones are the sweep's."""
    earlier = Attempt(1, "plan-1", Trigger.PLAN, NOW, BAD)
    before = delivery(planned=planned, attempts=(earlier,), version=4)
    after = attempted(before, errand(attempt=planned + 1), NOW - SECOND, outcome, NOW, 0.5)
    following = None if wait is None else NOW + wait
    assert after == replace(
        before,
        status=status,
        planned=planned + 1,
        next_attempt_at=following,
        due_at=None if due is None else NOW + due,
        attempts=(
            earlier,
            Attempt(2, f"plan-{planned + 1}", Trigger.PLAN, NOW - SECOND, outcome, following),
        ),
        version=5,
    )


@pytest.mark.parametrize(
    ("status", "outcome", "expected"),
    [
        (PENDING, OK, PENDING),
        (PENDING, BAD, PENDING),
        (FAILED, OK, SUCCEEDED),
        (FAILED, BAD, FAILED),
        (SUCCEEDED, BAD, SUCCEEDED),
        (CANCELED, OK, SUCCEEDED),
        (CANCELED, GONE, CANCELED),
    ],
)
def test_an_attempt_that_a_person_asked_for_changes_no_plan(status: Status, outcome: Outcome, expected: Status) -> None:
    """T-06, W-19."""
    earlier = Attempt(1, "plan-1", Trigger.PLAN, NOW, BAD)
    before = delivery(status=status, planned=3, attempts=(earlier,), version=4)
    after = attempted(before, errand(manual="req_1"), NOW, outcome, NOW + SECOND, 0.5)
    attempt = Attempt(2, "req_1", Trigger.MANUAL, NOW, outcome, before.next_attempt_at)
    assert after == replace(before, status=expected, attempts=(earlier, attempt), version=5)


def test_what_is_still_to_be_done() -> None:
    """T-06."""
    assert model.expects(delivery(planned=2), errand(attempt=3))
    for other in (2, 4):
        assert not model.expects(delivery(planned=2), errand(attempt=other))
    assert not model.expects(delivery(planned=2, status=FAILED), errand(attempt=3))
    made = Attempt(1, "req_1", Trigger.MANUAL, NOW, BAD)
    asked = errand(manual="req_2")
    assert model.expects(delivery(status=FAILED, attempts=(made,)), asked)
    assert not model.expects(delivery(attempts=(made, replace(made, request="req_2"))), asked)
    assert model.expects(delivery(attempts=(made,) * 49), asked)
    assert not model.expects(delivery(attempts=(made,) * 50), asked)
    assert model.next_errand(delivery(planned=2)) == errand(attempt=3)
    assert (errand(attempt=3).request, asked.request) == ("plan-3", "req_2")


@pytest.mark.parametrize(
    ("made", "outcome", "draw", "seconds"),
    [
        (1, BAD, 0.0, 4),
        (1, BAD, 0.5, 5),
        (1, BAD, 1.0, 6),
        (9, BAD, 0.5, 86_400),
        (10, BAD, 0.5, None),
        (11, BAD, 0.5, None),
        (1, SLOW, 0.0, 60),
        (1, SLOW, 1.0, 72),
        (1, replace(BAD, status_code=429), 0.5, 66),
        (2, SLOW, 0.5, 300),
        (1, replace(BAD, retry_after="8"), 0.5, 8),
        (1, replace(BAD, retry_after="8"), 0.0, 8),
        (1, replace(BAD, retry_after="9"), 0.0, 8),
        (9, replace(BAD, retry_after="90000"), 0.0, 86_400),
        (1, replace(SLOW, retry_after="7"), 0.0, 60),
    ],
)
def test_the_wait_after_an_attempt(made: int, outcome: Outcome, draw: float, seconds: int | None) -> None:
    """T-06, W-13."""
    wait = next_wait(made, outcome, NOW, draw)
    assert wait == (None if seconds is None else timedelta(seconds=seconds))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("5", 5), ("0.000000001", 1), ("123456789", 123_456_789), ("1234567890", None), ("1.1234567890", None),
        (f"{'7':>64}", 7), (f"{'7':>65}", None), ("7.", None), (".7", None),
        ("Fri, 20 Nov 2026 12:00:01 -0000", 1), ("Fri, 20 Nov 2026 12:00:00 GMT", None),
        ("Fri, 20 Nov 2026 15:00:02 +0300", 2),
    ],
)  # fmt: skip
def test_a_wait_that_is_asked_for_is_read(text: str, seconds: int | None) -> None:
    """T-06, W-13."""
    assert retry_after(text, NOW) == (None if seconds is None else timedelta(seconds=seconds))


def test_an_outcome_says_what_it_was() -> None:
    """T-06, W-10."""
    for status, error, succeeded, kind, gone, overloaded in (
        (200, None, True, "2xx", False, False),
        (299, None, True, "2xx", False, False),
        (199, None, False, "1xx", False, False),
        (300, None, False, "3xx", False, False),
        (410, None, False, "4xx", True, False),
        (429, None, False, "4xx", False, True),
        (503, None, False, "5xx", False, False),
        (None, None, False, "0xx", False, False),
        (200, "timeout", False, "timeout", False, True),
        (None, "unreachable", False, "unreachable", False, False),
    ):
        outcome = Outcome(status, error, 1)
        assert (outcome.succeeded, outcome.kind, outcome.gone, outcome.overloaded) == (
            succeeded,
            kind,
            gone,
            overloaded,
        )


def test_five_days_begin_with_failures_of_half_a_day_to_a_day() -> None:
    """T-06."""
    assert failed_again(None, NOW) == Failing(NOW, NOW)
    for ago, expected in (
        (2 * DAY + SECOND, Failing(NOW, NOW)),
        (2 * DAY, Failing(NOW, NOW)),
        (DAY + SECOND, Failing(NOW, NOW)),
        (DAY, Failing(NOW - DAY, NOW, NOW)),
        (12 * HOUR, Failing(NOW - 12 * HOUR, NOW, NOW)),
        (12 * HOUR - SECOND, Failing(NOW - 12 * HOUR + SECOND, NOW)),
    ):
        assert failed_again(Failing(NOW - ago, NOW - ago), NOW) == expected
    # Of two that are looked at, the one that is recent enough counts.
    old, new = NOW - 30 * HOUR, NOW - 2 * HOUR
    assert failed_again(Failing(old, new), NOW) == Failing(new, NOW)
    assert failed_again(Failing(old, NOW - 13 * HOUR), NOW) == Failing(old, NOW, NOW)
    assert failed_again(Failing(NOW - DAY, new), NOW) == Failing(NOW - DAY, NOW, NOW)
    begun = Failing(old, new, old)
    assert failed_again(begun, NOW) == Failing(old, NOW, old)
    assert failed_again(replace(begun, last=NOW - 2 * DAY), NOW) == Failing(old, NOW, old)
    assert failed_again(replace(begun, last=NOW - 2 * DAY - SECOND), NOW) == Failing(NOW, NOW)


def test_failures_are_noted_where_something_new_is_known_or_an_hour_has_passed() -> None:
    """T-06."""
    known = Failing(NOW - DAY, NOW - HOUR, NOW - HOUR)
    assert worth_noting(None, Failing(NOW, NOW))
    assert worth_noting(known, replace(known, since=NOW))
    assert worth_noting(known, replace(known, first=NOW))
    assert worth_noting(known, replace(known, last=NOW))
    assert not worth_noting(known, replace(known, last=NOW - SECOND))


def endpoint(**changes: Any) -> Endpoint:
    secret = Secret("key_1", "v1.x", "whsec_…", NOW)
    return replace(Endpoint("whk_1", "usr_1", "https://hooks.example.com/", ("*",), NOW, (secret,)), **changes)


def test_an_endpoint_that_is_switched_off_ends_what_waits() -> None:
    """T-06."""
    failing = endpoint(failing=Failing(NOW, NOW), version=3)
    off = replace(failing, active=False, disabled_reason="gone", failing=None, ended_at=NOW, version=4)
    assert model.switched_off(failing, NOW, "gone") == off
    assert model.switched_off(failing, NOW).disabled_reason is None
    on_again = replace(off, active=True)
    for one, other, over in (
        (delivery(), endpoint(), False),
        (delivery(), off, True),
        (delivery(), on_again, True),
        (delivery(created_at=NOW + SECOND), on_again, False),
        (delivery(created_at=NOW + SECOND), off, True),
        (delivery(status=FAILED), off, False),
    ):
        assert model.over(one, other) is over
    waiting = delivery(version=3)
    assert model.canceled(waiting) == replace(waiting, status=CANCELED, next_attempt_at=None, due_at=None, version=4)


def test_the_sweep_looks_again_when_a_message_must_have_been_lost() -> None:
    """T-06."""
    waiting = delivery(version=3)
    assert model.put_off(waiting, NOW + MINUTE) == replace(waiting, due_at=NOW + 6 * MINUTE, version=4)
    for at, due in ((NOW + MINUTE, NOW + 6 * MINUTE), (NOW - MINUTE, NOW + 5 * MINUTE), (None, NOW + 5 * MINUTE)):
        before = replace(waiting, next_attempt_at=at)
        assert model.swept(before, NOW) == replace(before, due_at=due, version=4)


@pytest.mark.parametrize(
    ("turn", "draw", "seconds"),
    [(0, 0.0, 1), (0, 1.0, 2), (1, 0.5, 6), (2, 1.0, 32), (3, 1.0, 128), (4, 1.0, 512), (5, 1.0, 900), (50, 0.0, 450)],
)
def test_a_turn_comes_again_later_each_time(turn: int, draw: float, seconds: float) -> None:
    """T-06."""
    assert turn_after(turn, draw) == timedelta(seconds=seconds)


def test_a_message_holds_what_its_errand_needs() -> None:
    """T-06."""
    plan = {"user_id": "usr_1", "endpoint_id": "whk_1", "event_id": EVENT.id, "attempt": 1}
    assert model.payload_of(errand()) == plan
    assert model.payload_of(errand(manual="req_1", turn=2, attempt=3)) == {
        **plan,
        "attempt": 3,
        "manual": "req_1",
        "turn": 2,
    }
    assert errand() == Errand("usr_1", "whk_1", EVENT.id, 1, None, 0)


def test_the_measures_of_the_plan() -> None:
    """T-06: what the documentation promises."""
    assert (model.FAILING_FOR, model.SWEEP_AHEAD, model.SLOTS, model.SLOT_FOR) == (5 * DAY, MINUTE, 8, 20 * SECOND)
    assert timedelta(seconds=900) == model.MAX_QUEUE_DELAY, "SQS holds a message back for no longer"
    assert (model.MAX_ENDPOINTS, model.MAX_PATTERNS, model.MAX_SECRETS) == (20, 50, 10)

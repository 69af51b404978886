from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.devices import model
from antiphon.devices.model import (
    CONFIRM_WITHIN,
    ENDED,
    TRANSITIONS,
    VISIBLE_AFTER,
    Command,
    Device,
    Origin,
    Outcome,
    Status,
    event_of,
    issue,
)
from antiphon.platform.errors import Conflict
from antiphon.webhooks.model import EVENT_TYPES

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
PHONE = Device("dev_1", "usr_1", "Phone", "android", (), NOW, NOW, "hash")
DONE = Outcome(Status.SUCCEEDED, {"ok": True})
STEPS: dict[str, Any] = {
    "confirm": model.confirm,
    "deliver": model.deliver,
    "acknowledge": model.acknowledge,
    "cancel": model.cancel,
    "succeed": lambda c, now: model.finish(c, DONE, now),
    "fail": lambda c, now: model.finish(c, Outcome(Status.FAILED), now),
}


def sent(*, confirm: bool = False, expires_in: int = 60) -> Command:
    return issue(
        "cmd_1",
        PHONE,
        "tap",
        {"x": 1},
        NOW,
        expires_in=expires_in,
        confirm=confirm,
        origin=Origin.RUN,
        run_id="run_1",
    )


def later(**span: float) -> datetime:
    return NOW + timedelta(**span)


@given(st.booleans(), st.lists(st.tuples(st.sampled_from(sorted(STEPS)), st.integers(0, 40)), max_size=12))
def test_whatever_happens_a_command_goes_along_the_table_and_its_end_stays(
    confirm: bool, happened: list[tuple[str, int]]
) -> None:
    command, now = sent(confirm=confirm), NOW
    for step, seconds in happened:
        now += timedelta(seconds=seconds)
        before = command.settled(now)
        try:
            after = STEPS[step](command, now)
        except Conflict as refused:
            assert refused.code in (  # noqa: PT017
                "command_expired",
                "command_ended",
                "command_not_delivered",
                "nothing_to_confirm",
                "result_conflict",
            )
            after = before
        if after != before:
            assert after.status in TRANSITIONS[before.status]
            assert after.version == before.version + 1
        assert before.status not in ENDED or after == before
        assert (after.action, after.arguments) == ("tap", {"x": 1})
        assert (after.due_at is None) == (after.status in ENDED) == (after.finished_at is not None)
        assert after.due_at is None or after.due_at <= after.expires_at
        assert STEPS[step] is not model.deliver or after.status is not Status.DELIVERED or after.deliveries >= 1
        command = after


def test_a_sensitive_command_is_not_handed_out_without_a_yes() -> None:
    command = sent(confirm=True)
    with pytest.raises(Conflict) as refused:
        model.deliver(command, NOW)
    assert refused.value.code == "command_not_delivered"
    confirmed = model.confirm(command, later(seconds=90))
    assert model.deliver(confirmed, later(seconds=91)).status is Status.DELIVERED
    assert confirmed.expires_at == later(seconds=150), "its time begins with the yes"


def test_a_yes_counts_once_and_lapses_after_five_minutes() -> None:
    command = sent(confirm=True)
    confirmed = model.confirm(command, NOW)
    assert model.confirm(confirmed, later(seconds=1)) == confirmed
    with pytest.raises(Conflict) as refused:
        model.confirm(command, NOW + CONFIRM_WITHIN)
    assert refused.value.code == "command_expired"
    assert command.settled(NOW + CONFIRM_WITHIN).finished_at == NOW + CONFIRM_WITHIN


def test_what_waits_for_nobody_cannot_be_confirmed() -> None:
    with pytest.raises(Conflict) as refused:
        model.confirm(sent(), NOW)
    assert refused.value.code == "nothing_to_confirm"


def test_what_is_not_answered_is_due_again_after_half_a_minute_and_what_is_acknowledged_is_not() -> None:
    command = sent()
    delivered = model.deliver(command, NOW)
    assert (command.due_at, delivered.due_at) == (NOW, NOW + VISIBLE_AFTER)
    assert model.acknowledge(delivered, NOW).due_at == delivered.expires_at
    again = model.deliver(delivered, later(seconds=31))
    assert (again.deliveries, again.delivered_at, again.due_at) == (2, NOW, again.expires_at)


def test_the_first_result_counts() -> None:
    finished = model.finish(model.deliver(sent(), NOW), DONE, NOW)
    assert model.finish(finished, DONE, later(hours=1)) == finished
    for other in (Outcome(Status.FAILED, {"ok": True}), Outcome(Status.SUCCEEDED, {"ok": False})):
        with pytest.raises(Conflict) as refused:
            model.finish(finished, other, NOW)
        assert refused.value.code == "result_conflict"


def test_a_result_that_comes_too_late_is_told_so() -> None:
    delivered = model.deliver(sent(expires_in=5), NOW)
    with pytest.raises(Conflict) as refused:
        model.finish(delivered, DONE, later(seconds=5))
    assert refused.value.code == "command_expired"


def test_events_are_thin_known_and_one_for_each_change_that_others_hear_of() -> None:
    delivered = model.deliver(sent(), NOW)
    for status in Status:
        event = event_of(replace(delivered, status=status), NOW, "req_1")
        assert (event is None) == (status in (Status.DELIVERED, Status.ACKNOWLEDGED, Status.EXPIRED))
        if event:
            assert event.type in EVENT_TYPES
            assert event.data["sequence"] == delivered.version
            assert {"arguments", "result", "action"}.isdisjoint(event.data)
    assert event_of(sent(), NOW, None) == event_of(sent(), NOW, None)

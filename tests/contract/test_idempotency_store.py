"""A repeated request answers with the first result, whatever happened to the first."""

from __future__ import annotations

import pytest

from antiphon.platform.errors import Conflict, Invalid
from antiphon.platform.idempotency import KEEP, WORKING, Answer, Idempotency
from antiphon.platform.idempotency_dynamo import DynamoIdempotencyStore
from antiphon.platform.table import Table
from tests.faults import Faults
from tests.unit.conftest import HeldClock

ANSWER = Answer(201, (("location", "/v1/x"),), '{"id": 1}')


@pytest.fixture
def clock() -> HeldClock:
    return HeldClock()


@pytest.fixture
def desk(table: Table, clock: HeldClock) -> Idempotency:
    return Idempotency(DynamoIdempotencyStore(table), clock)


def begin(desk: Idempotency, body: bytes = b"{}", key: str = "k", user: str = "usr_1"):  # type: ignore[no-untyped-def]
    return desk.begin(user=user, method="POST", path="/v1/x", key=key, body=body)


def test_a_repeat_gets_the_first_answer(desk: Idempotency) -> None:
    desk.finish(begin(desk), ANSWER)
    assert begin(desk).answer == ANSWER


def test_keys_belong_to_their_user_and_live_for_a_day(desk: Idempotency, clock: HeldClock) -> None:
    desk.finish(begin(desk), ANSWER)
    assert begin(desk, user="usr_2").answer is None
    clock.move(seconds=KEEP.total_seconds() + 1)
    assert begin(desk, body=b"other").answer is None


def test_another_body_is_a_mismatch(desk: Idempotency) -> None:
    desk.finish(begin(desk), ANSWER)
    with pytest.raises(Conflict) as refused:
        begin(desk, body=b"[]")
    assert refused.value.code == "idempotency_mismatch"


def test_one_that_still_runs_is_waited_for(desk: Idempotency) -> None:
    begin(desk)
    with pytest.raises(Conflict) as refused:
        begin(desk)
    assert (refused.value.code, refused.value.retry_after) == ("idempotency_in_progress", 1)


def test_one_that_crashed_is_taken_up_with_its_own_seed(desk: Idempotency, clock: HeldClock) -> None:
    first = begin(desk)
    clock.move(seconds=WORKING.total_seconds() + 1)
    second = begin(desk)
    assert (second.seed, second.answer) == (first.seed, None)
    assert second.owner != first.owner
    desk.finish(first, ANSWER)  # the first was not dead but slow: it may not answer for the second
    with pytest.raises(Conflict):
        begin(desk)


def test_one_that_failed_can_be_repeated_at_once(desk: Idempotency) -> None:
    first = begin(desk)
    desk.release(first)
    assert begin(desk).seed == first.seed


def test_a_claim_whose_answer_was_lost_is_won(desk: Idempotency, monkeypatch: pytest.MonkeyPatch) -> None:
    """Q-10, Q-11"""
    faults = Faults(monkeypatch)
    for at in (1, 2):
        faults.arm(at, "answer lost")
        with faults.watched():
            assert begin(desk, key=f"k{at}").answer is None
        assert faults.struck


@pytest.mark.parametrize("key", ["", "x" * 256, "a\nb"])
def test_bad_keys_are_refused(desk: Idempotency, key: str) -> None:
    with pytest.raises(Invalid):
        begin(desk, key=key)

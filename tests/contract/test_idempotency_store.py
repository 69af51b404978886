"""A repeated request answers with the first result, whatever happened to the first."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from io import StringIO
from typing import Any

import pytest
from aws_lambda_powertools import Logger
from fastapi import FastAPI, Request, Response
from mangum import Mangum

from antiphon.platform.errors import Conflict, Invalid
from antiphon.platform.idempotency import KEEP, WORKING, Answer, Idempotency
from antiphon.platform.idempotency_dynamo import DynamoIdempotencyStore
from antiphon.platform.table import Table
from antiphon.platform.web import make_app, seed_of
from tests.faults import Faults
from tests.unit.conftest import HeldClock
from tests.unit.platform.gates import make_gate

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


def test_of_many_at_once_one_is_worked_on(desk: Idempotency) -> None:
    def claimed(_: int) -> bool:
        try:
            return begin(desk).answer is None
        except Conflict:
            return False

    with ThreadPoolExecutor(16) as pool:
        assert sum(pool.map(claimed, range(16))) == 1


def test_a_late_failure_does_not_free_what_another_took_up(desk: Idempotency, clock: HeldClock) -> None:
    first = begin(desk)
    clock.move(seconds=WORKING.total_seconds() + 1)
    begin(desk)
    desk.release(first)
    with pytest.raises(Conflict) as refused:
        begin(desk)
    assert refused.value.code == "idempotency_in_progress"


@pytest.fixture
def app(desk: Idempotency, made: list[str | None]) -> FastAPI:
    web = make_app(
        "Test", logger=Logger(service="test", stream=StringIO()), idempotency=desk, gate=make_gate(), version="1"
    )

    @web.post("/v1/things", status_code=201)
    def create(request: Request, response: Response, fail: bool = False) -> dict[str, int]:
        made.append(seed_of(request))
        if fail and len(made) == 1:
            raise ZeroDivisionError
        response.headers["Location"] = f"/v1/things/{len(made)}"
        return {"number": len(made)}

    return web


@pytest.fixture
def made() -> list[str | None]:
    """The seeds with which the route ran."""
    return []


def post(app: FastAPI, path: str = "/v1/things", query: dict[str, str] | None = None, body: str = "") -> dict[str, Any]:
    event = {
        "resource": path,
        "path": path,
        "httpMethod": "POST",
        "headers": {"Idempotency-Key": "k"},
        "multiValueHeaders": {"Idempotency-Key": ["k"]},
        "queryStringParameters": query,
        "requestContext": {"authorizer": {"user_id": "usr_1"}, "identity": {"sourceIp": "192.0.2.1"}},
        "body": body,
        "isBase64Encoded": False,
    }
    return Mangum(app, lifespan="off", text_mime_types=["application/"])(event, None)  # type: ignore[arg-type]


def test_a_repeated_post_runs_once_and_answers_alike(app: FastAPI, made: list[str | None]) -> None:
    first, second = post(app), post(app)
    assert (first["statusCode"], first["body"]) == (second["statusCode"], second["body"]) == (201, '{"number":1}')
    assert first["headers"]["location"] == second["headers"]["location"] == "/v1/things/1"
    assert ("idempotent-replayed" in first["headers"], second["headers"]["idempotent-replayed"]) == (False, "true")
    assert first["headers"]["x-request-id"] != second["headers"]["x-request-id"]
    assert len(made) == 1
    mismatch = post(app, body='"other"')
    assert (mismatch["statusCode"], json.loads(mismatch["body"])["code"]) == (409, "idempotency_mismatch")


def test_a_post_that_failed_on_our_side_runs_again_with_the_same_seed(app: FastAPI, made: list[str | None]) -> None:
    assert post(app, query={"fail": "true"})["statusCode"] == 500
    assert post(app, query={"fail": "true"})["statusCode"] == 201
    assert made[0] is not None
    assert made[0] == made[1]


@pytest.mark.parametrize("key", ["", "x" * 256, "a\nb"])
def test_bad_keys_are_refused(desk: Idempotency, key: str) -> None:
    with pytest.raises(Invalid):
        begin(desk, key=key)

"""Idempotency keys at the FastAPI frame, with the real store under moto: what `test_idempotency_store.py` leaves."""

from __future__ import annotations

import json
from typing import Any

import pytest
from fastapi import FastAPI, Request
from mangum import Mangum

from antiphon.platform.access import Access, Who
from antiphon.platform.audit_memory import MemoryAuditLog
from antiphon.platform.errors import Conflict, TooMany
from antiphon.platform.idempotency import Idempotency
from antiphon.platform.idempotency_dynamo import DynamoIdempotencyStore
from antiphon.platform.table import Table
from antiphon.platform.telemetry import make_logger
from antiphon.platform.web import make_app, seed_of
from tests.unit.conftest import HeldClock, clock
from tests.unit.platform.gates import make_gate

__all__ = ["clock"]


class Things:
    """What the routes have done: a thing for each seed, and how often they were called."""

    def __init__(self) -> None:
        self.seeds: list[str | None] = []
        self.fails: Exception | None = None


@pytest.fixture
def things() -> Things:
    return Things()


@pytest.fixture
def desk(table: Table, clock: HeldClock) -> Idempotency:
    return Idempotency(DynamoIdempotencyStore(table), clock)


@pytest.fixture
def app(desk: Idempotency, things: Things) -> FastAPI:
    made = make_app("test", logger=make_logger("test"), idempotency=desk, gate=make_gate(), version="1")

    @made.post("/v1/things", status_code=201)
    def create(request: Request) -> dict[str, Any]:
        things.seeds.append(seed_of(request))
        if things.fails:
            raise things.fails
        return {"number": len(things.seeds)}

    return made


def post(
    app: FastAPI,
    key: str | None = "k1",
    body: str = "{}",
    user: str = "usr_1",
) -> tuple[int, dict[str, str], dict[str, Any]]:
    headers = {"content-type": "application/json"} | ({"Idempotency-Key": key} if key is not None else {})
    event = {
        "resource": "/v1/things",
        "path": "/v1/things",
        "httpMethod": "POST",
        "headers": headers,
        "multiValueHeaders": {k: [v] for k, v in headers.items()},
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "requestContext": {"stage": "live", "authorizer": {"user_id": user, "tier": "free"}, "identity": {}},
        "body": body,
        "isBase64Encoded": False,
    }
    found = Mangum(app, lifespan="off", text_mime_types=["application/"])(event, None)  # type: ignore[arg-type]
    sent = {k.lower(): v for k, v in (found.get("headers") or {}).items()}
    sent |= {k.lower(): v[0] for k, v in (found.get("multiValueHeaders") or {}).items()}
    return found["statusCode"], sent, json.loads(found["body"])


def test_a_repeat_is_no_second_act_in_the_audit_log(desk: Idempotency, clock: HeldClock) -> None:
    """A-47"""
    audit = MemoryAuditLog()
    routes = {"POST /v1/things": Access(Who.CALLER, "things:write", "thing.create", creates=True)}
    gate = make_gate(routes, clock=clock, audit=audit)
    made = make_app("test", logger=make_logger("test"), idempotency=desk, gate=gate, version="1")

    @made.post("/v1/things", status_code=201)
    def create() -> dict[str, str]:
        return {"id": "thing_1"}

    for _ in range(2):
        assert post(made)[0] == 201
        clock.move(seconds=1)
    assert [(e.target, e.outcome) for e in audit.entries.values()] == [("thing_1", "201"), ("thing_1", "replayed")]


def test_an_answer_with_a_secret_is_not_stored_and_a_repeat_comes_again_with_the_same_seed(desk: Idempotency) -> None:
    made = make_app(
        "test",
        logger=make_logger("test"),
        idempotency=desk,
        gate=make_gate(),
        version="1",
        secret_answers=("/v1/things",),
    )
    seeds: list[str | None] = []

    @made.post("/v1/things", status_code=201)
    def create(request: Request) -> dict[str, str]:
        seeds.append(seed_of(request))
        return {"id": "thing_1", "key": f"secret-{len(seeds)}"}

    assert [post(made)[2]["key"] for _ in range(3)] == ["secret-1", "secret-2", "secret-3"]
    assert seeds[0] is not None
    assert len(set(seeds)) == 1
    kept = desk.begin(user="usr_1", method="POST", path="/v1/things", key="k1", body=b"{}").answer
    assert kept is not None
    assert "secret" not in kept.body
    assert post(made, body='{"a": 1}')[2]["code"] == "idempotency_mismatch"


@pytest.mark.parametrize("other", [{"user": "usr_2"}, {"key": "k2"}], ids=str)
def test_a_key_is_of_its_user(app: FastAPI, things: Things, other: dict[str, str]) -> None:
    """A-42"""
    post(app)
    assert post(app, **other)[2]["number"] == 2  # type: ignore[arg-type]
    assert len(set(things.seeds)) == 2


def test_a_second_request_while_the_first_one_runs_is_told_to_wait(
    app: FastAPI, desk: Idempotency, things: Things
) -> None:
    desk.begin(user="usr_1", method="POST", path="/v1/things", key="k1", body=b"{}")
    status, headers, body = post(app)
    assert (status, body["code"], headers["retry-after"]) == (409, "idempotency_in_progress", "1")
    assert things.seeds == []


def test_what_came_too_often_can_be_repeated_with_the_same_seed(app: FastAPI, things: Things) -> None:
    """D2: what the first one made half-way, the second finds by the ids made from the seed."""
    things.fails = TooMany("Wait.", retry_after=1)
    assert post(app)[0] == 429
    things.fails = None
    assert post(app)[0] == 201
    assert things.seeds[0] == things.seeds[1]
    assert things.seeds[0] is not None


def test_what_was_refused_for_good_stays_refused(app: FastAPI, things: Things) -> None:
    """D2"""
    things.fails = Conflict("No.", code="taken")
    first = post(app)
    things.fails = None
    status, headers, body = post(app)
    assert (first[0], status, body["code"], headers["idempotent-replayed"]) == (409, 409, "taken", "true")
    assert headers["content-type"] == "application/problem+json"
    assert len(things.seeds) == 1


@pytest.mark.parametrize("key", ["", "x" * 256, "a\tb"])
def test_a_bad_key_is_a_422_that_names_the_header(app: FastAPI, things: Things, key: str) -> None:
    status, _, body = post(app, key=key)
    assert (status, [wrong["field"] for wrong in body["errors"]]) == (422, ["Idempotency-Key"])
    assert things.seeds == []

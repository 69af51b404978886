"""The frame of the FastAPI functions, from the gateway's event to the answer that it takes."""

from __future__ import annotations

import json
from io import StringIO
from typing import Any

import pytest
from aws_lambda_powertools import Logger
from fastapi import FastAPI, Request
from mangum import Mangum
from pydantic import BaseModel

from antiphon.platform.errors import TooMany
from antiphon.platform.idempotency import Idempotency, Record
from antiphon.platform.ids import is_id
from antiphon.platform.web import caller, make_app, seed_of
from tests.unit.conftest import HeldClock
from tests.unit.platform.gates import make_gate


class Nowhere:
    """A store for requests without an Idempotency-Key: to touch it is a failure."""

    def claim(self, record: Record, now: Any) -> Record | None:
        raise AssertionError("claimed")

    def get(self, record_id: str) -> Record | None:
        raise AssertionError("read")

    def finish(self, record: Record) -> None:
        raise AssertionError("finished")

    def release(self, record: Record) -> None:
        raise AssertionError("released")


class Thing(BaseModel):
    size: int


@pytest.fixture
def log() -> StringIO:
    return StringIO()


@pytest.fixture
def app(clock: HeldClock, log: StringIO, request: pytest.FixtureRequest) -> FastAPI:
    # One of its own per test: loggers of one name share the stream of the first.
    logger = Logger(service=request.node.nodeid, stream=log)
    made = make_app("Test", logger=logger, idempotency=Idempotency(Nowhere(), clock), gate=make_gate(), version="1")

    @made.post("/v1/things", status_code=201)
    def create(thing: Thing, request: Request) -> dict[str, Any]:
        return {"size": thing.size, "user": caller(request).user_id, "seed": seed_of(request)}

    @made.get("/v1/broken")
    def broken() -> None:
        raise ZeroDivisionError("the secret of the house")

    @made.get("/v1/busy")
    def busy() -> None:
        raise TooMany("Wait a little.", retry_after=7)

    return made


def event(method: str, path: str, body: str | None = None, **headers: str) -> dict[str, Any]:
    """As API Gateway (REST) sends it."""
    sent = {"Content-Type": "application/json", **{k.replace("_", "-"): v for k, v in headers.items()}}
    return {
        "resource": path,
        "path": path,
        "httpMethod": method,
        "headers": sent,
        "multiValueHeaders": {k: [v] for k, v in sent.items()},
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "requestContext": {
            "authorizer": {"user_id": "usr_1", "tier": "free", "role": "user", "scopes": ""},
            "identity": {"sourceIp": "192.0.2.1"},
            "path": f"/prod{path}",
            "stage": "prod",
        },
        "body": body,
        "isBase64Encoded": False,
    }


def send(app: FastAPI, sent: dict[str, Any]) -> tuple[int, dict[str, str], Any]:
    found = Mangum(app, lifespan="off", text_mime_types=["application/json", "application/problem+json"])(sent, None)  # type: ignore[arg-type]
    assert found["isBase64Encoded"] is False
    answered = {k.lower(): v for k, v in found["headers"].items()}
    answered |= {k.lower(): v[0] for k, v in found["multiValueHeaders"].items()}
    return found["statusCode"], answered, json.loads(found["body"])


def test_a_good_request_knows_its_caller_and_is_not_kept_by_caches(app: FastAPI) -> None:
    status, headers, body = send(app, event("POST", "/v1/things", '{"size": 3}'))
    assert (status, body) == (201, {"size": 3, "user": "usr_1", "seed": None})
    assert headers["cache-control"] == "no-store"
    assert is_id(headers["x-request-id"], "req")


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("GET", "/v1/nothing", None, 404, "not_found"),
        ("DELETE", "/v1/things", None, 405, "method_not_allowed"),
        ("POST", "/v1/things", '{"size": "big"}', 422, "invalid_request"),
        ("POST", "/v1/things", "{", 422, "invalid_request"),
        ("POST", "/v1/things", None, 422, "invalid_request"),
        ("GET", "/v1/broken", None, 500, "internal"),
        ("GET", "/v1/busy", None, 429, "rate_limited"),
    ],
)
def test_every_failure_is_a_problem_document(
    app: FastAPI, method: str, path: str, body: str | None, status: int, code: str
) -> None:
    found, headers, problem = send(app, event(method, path, body))
    assert (found, problem["status"], problem["code"]) == (status, status, code)
    assert headers["content-type"] == "application/problem+json"
    assert problem["request_id"] == headers["x-request-id"]
    assert problem["type"].endswith(code)
    assert problem["detail"]


def test_a_wrong_field_is_named(app: FastAPI) -> None:
    *_, problem = send(app, event("POST", "/v1/things", '{"size": "big"}'))
    assert [wrong["field"] for wrong in problem["errors"]] == ["size"]


def test_a_defect_tells_the_log_and_not_the_caller(app: FastAPI, log: StringIO) -> None:
    *_, problem = send(app, event("GET", "/v1/broken", X_Request_Id="mine-1"))
    assert "secret" not in json.dumps(problem)
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    assert any("secret" in line.get("exception", "") and line["request_id"] == "mine-1" for line in lines)


def test_a_refusal_says_when_to_come_back(app: FastAPI) -> None:
    _, headers, _ = send(app, event("GET", "/v1/busy"))
    assert headers["retry-after"] == "7"


def test_a_405_says_what_is_allowed(app: FastAPI) -> None:
    """RFC 9110, 15.5.6"""
    _, headers, _ = send(app, event("DELETE", "/v1/things"))
    assert headers["allow"] == "POST"


@pytest.mark.parametrize(("given", "kept"), [("mine-1.a_b", True), ("a b", False), ("x" * 65, False), ("é", False)])
def test_a_request_id_of_the_caller_is_kept_where_it_is_a_plain_token(app: FastAPI, given: str, kept: bool) -> None:
    _, headers, _ = send(app, event("GET", "/v1/nothing", X_Request_Id=given))
    assert (headers["x-request-id"] == given) is kept
    assert kept or is_id(headers["x-request-id"], "req")


def test_who_no_authorizer_let_in_is_not_served(app: FastAPI) -> None:
    sent = event("POST", "/v1/things", '{"size": 3}')
    del sent["requestContext"]["authorizer"]
    status, _, problem = send(app, sent)
    assert (status, problem["code"]) == (401, "unauthorized")

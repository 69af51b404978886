"""The frame of the light functions, from the gateway's event to the answer that it takes."""

from __future__ import annotations

import json
from base64 import b64encode
from io import StringIO
from typing import Any

import pytest
from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import APIGatewayRestResolver

from antiphon.platform.errors import Invalid, TooLarge, TooMany
from antiphon.platform.fields import nullable, record, text
from antiphon.platform.ids import is_id
from antiphon.platform.rest import MAX_BODY, answer, body_of, make_resolver
from tests.unit.platform.gates import open_gate

SHAPE = record({"name": text(2, 5)}, {"note": nullable(text(1, 3))})


@pytest.mark.parametrize("raw", ['{"name": "Anna"}', '{"name": "Anna", "note": null}', '{"name": "Änne", "note": "x"}'])
def test_a_good_body_is_taken(raw: str) -> None:
    assert body_of(raw, SHAPE) == json.loads(raw)


@pytest.mark.parametrize(
    ("raw", "field"),
    [
        (None, ""),
        ("", ""),
        ("{", ""),
        ("[]", ""),
        ('"name"', ""),
        ("[" * 30_000, ""),
        ("[" * 1_000 + "]" * 1_000, ""),
        ('{"name": NaN}', ""),
        ('{"name": 1e999}', "name"),
        ('{"name": "Anna", "name": "Anna"}', "name"),
        ('\ufeff{"name": "Anna"}', ""),
        ('{"name": "\\ud800a"}', "name"),
        ("{}", "name"),
        ('{"name": null}', "name"),
        ('{"name": 7}', "name"),
        ('{"name": "A"}', "name"),
        ('{"name": "Johanna"}', "name"),
        ('{"name": "Anna", "rule": "x"}', "rule"),
        ('{"name": "Anna", "note": "long"}', "note"),
    ],
)
def test_a_bad_body_is_refused_with_what_to_change(raw: str | None, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        body_of(raw, SHAPE)
    assert [wrong.field for wrong in refused.value.fields] == [field]
    assert refused.value.fields[0].detail


def test_an_unknown_field_is_not_echoed_at_length() -> None:
    with pytest.raises(Invalid) as refused:
        body_of(json.dumps({"name": "Anna", "x" * 5000: 1}), SHAPE)
    assert len(refused.value.detail) < 200


def test_the_size_of_a_body_is_counted_in_bytes() -> None:
    frame = len('{"name": ""}')
    with pytest.raises(Invalid):
        body_of(json.dumps({"name": "ä" * ((MAX_BODY - frame) // 2)}, ensure_ascii=False), SHAPE)
    with pytest.raises(TooLarge):
        body_of(json.dumps({"name": "ä" * (MAX_BODY // 2)}, ensure_ascii=False), SHAPE)


@pytest.fixture
def app() -> APIGatewayRestResolver:
    made = make_resolver()

    @made.post("/v1/things")
    def create() -> dict[str, Any]:
        return body_of(made.current_event.decoded_body, SHAPE)

    @made.get("/v1/broken")
    def broken() -> dict[str, Any]:
        raise ZeroDivisionError("the secret of the house")

    @made.get("/v1/busy")
    def busy() -> dict[str, Any]:
        raise TooMany("Wait a little.", retry_after=7)

    return made


def send(
    app: APIGatewayRestResolver,
    method: str,
    path: str,
    body: str | None = None,
    packed: bool = False,
    log: StringIO | None = None,
    **headers: str,
) -> tuple[int, dict[str, str], dict[str, Any]]:
    sent = {
        "resource": path,
        "path": path,
        "httpMethod": method,
        "headers": {k.replace("_", "-"): v for k, v in headers.items()} or None,
        "requestContext": {"stage": "prod", "identity": {"sourceIp": "192.0.2.1"}},
        "body": b64encode(body.encode()).decode() if packed and body else body,
        "isBase64Encoded": packed,
    }
    found = answer(
        app, sent, None, Logger(service="test defect" if log is not None else "test", stream=log), open_gate()
    )
    return found["statusCode"], {k: v[0] for k, v in found["multiValueHeaders"].items()}, json.loads(found["body"])


@pytest.mark.parametrize("packed", [False, True])
def test_a_good_request_is_answered(app: APIGatewayRestResolver, packed: bool) -> None:
    status, headers, body = send(app, "POST", "/v1/things", '{"name": "Änne"}', packed)
    assert (status, body) == (200, {"name": "Änne"})
    assert headers["Cache-Control"] == "no-store"
    assert is_id(headers["X-Request-Id"], "req")


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("GET", "/v1/nothing", None, 404, "not_found"),
        ("POST", "/v1/things", "{", 422, "invalid_request"),
        ("POST", "/v1/things", "x" * (MAX_BODY + 1), 413, "too_large"),
        ("GET", "/v1/broken", None, 500, "internal"),
        ("GET", "/v1/busy", None, 429, "rate_limited"),
    ],
)
def test_every_failure_is_a_problem_document(
    app: APIGatewayRestResolver, method: str, path: str, body: str | None, status: int, code: str
) -> None:
    found, headers, problem = send(app, method, path, body)
    assert (found, problem["status"], problem["code"]) == (status, status, code)
    assert headers["Content-Type"] == "application/problem+json"
    assert problem["request_id"] == headers["X-Request-Id"]
    assert "secret" not in json.dumps(problem)


def test_a_refusal_says_when_to_come_back(app: APIGatewayRestResolver) -> None:
    _, headers, _ = send(app, "GET", "/v1/busy")
    assert headers["Retry-After"] == "7"


def test_a_defect_is_in_the_log_under_the_request_id(app: APIGatewayRestResolver) -> None:
    log = StringIO()
    _, headers, _ = send(app, "GET", "/v1/broken", log=log, X_Request_Id="mine-1")
    assert headers["X-Request-Id"] == "mine-1"
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    assert any("secret" in line.get("exception", "") and line["request_id"] == "mine-1" for line in lines)


@pytest.mark.parametrize("given", ["a b", "x" * 65, "é", ""])
def test_a_bad_request_id_is_replaced(app: APIGatewayRestResolver, given: str) -> None:
    _, headers, _ = send(app, "GET", "/v1/nothing", X_Request_Id=given)
    assert is_id(headers["X-Request-Id"], "req")

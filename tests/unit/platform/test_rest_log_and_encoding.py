"""Of each request to a light function one line remains, and no bytes bring it to fall. The rest: `test_rest_frame.py`."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response

from antiphon.platform.fields import record, text
from antiphon.platform.rest import answer, body_of, make_resolver, raw_body
from tests.unit.platform.gates import open_gate


class Lines:
    """A logger whose lines can be read."""

    def __init__(self) -> None:
        self.written: list[tuple[str, dict[str, Any]]] = []

    def append_keys(self, **keys: Any) -> None: ...

    def info(self, message: str, **fields: Any) -> None:
        self.written.append(("INFO", fields))

    def error(self, message: str, **fields: Any) -> None:
        self.written.append(("ERROR", fields))


@pytest.fixture
def lines() -> Lines:
    return Lines()


@pytest.fixture
def app() -> APIGatewayRestResolver:
    made = make_resolver()

    @made.post("/v1/names")
    def names() -> dict[str, Any]:
        return body_of(raw_body(made), record({"name": text(2, 5)}))

    @made.get("/v1/broken")
    def broken() -> None:
        raise RuntimeError("boom")

    @made.get("/v1/noted")
    def noted() -> Response[Any]:
        made.context["noted"]["part"] = "queue"
        return Response(200, "application/json", {}, headers={"Cache-Control": "public, max-age=300"})

    return made


def send(
    app: APIGatewayRestResolver, lines: Lines, method: str, path: str, body: str | None = None, *, packed: bool = False
) -> dict[str, Any]:
    event = {"httpMethod": method, "path": path, "resource": path, "headers": {}, "multiValueHeaders": {}}
    event |= {"queryStringParameters": None, "requestContext": {"stage": "live"}}
    found = answer(app, event | {"body": body, "isBase64Encoded": packed}, None, lines, open_gate())  # type: ignore[arg-type]
    json.dumps(found, ensure_ascii=False).encode()  # as Lambda sends it
    return found


@pytest.mark.parametrize(
    ("method", "path", "body", "level", "status"),
    [
        ("POST", "/v1/names", '{"name": "ab"}', "INFO", 200),
        ("POST", "/v1/names", "{", "INFO", 422),
        ("GET", "/v1/nothing", None, "INFO", 404),
        ("GET", "/v1/broken", None, "ERROR", 500),
    ],
)
def test_each_request_is_one_line(
    app: APIGatewayRestResolver, lines: Lines, method: str, path: str, body: str | None, level: str, status: int
) -> None:
    """O-01"""
    assert send(app, lines, method, path, body)["statusCode"] == status
    ((written, line),) = lines.written
    assert (written, line["status"], line["route"]) == (level, status, path)
    assert (line["exc_info"] is not None) == (status == 500)


def test_a_route_adds_to_its_own_line_only_and_may_allow_caching(app: APIGatewayRestResolver, lines: Lines) -> None:
    found = send(app, lines, "GET", "/v1/noted")
    assert found["multiValueHeaders"]["Cache-Control"] == ["public, max-age=300"]
    assert send(app, lines, "GET", "/v1/nothing")["multiValueHeaders"]["Cache-Control"] == ["no-store"]
    (_, first), (_, second) = lines.written
    assert first["part"] == "queue"
    assert "part" not in second


@pytest.mark.parametrize(
    "raw", [b"\xff\xfe{\x00}\x00", '{"name": "ab"}'.encode("utf-16"), b"\xc3\x28", b'{"name": "\xed\xa0\x80"}']
)
def test_bytes_that_are_no_utf_8_are_refused(app: APIGatewayRestResolver, lines: Lines, raw: bytes) -> None:
    """A-52"""
    found = send(app, lines, "POST", "/v1/names", base64.b64encode(raw).decode(), packed=True)
    assert (found["statusCode"], json.loads(found["body"])["errors"][0]["detail"]) == (422, "Send JSON in UTF-8.")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ('{"name": "ab\\ud800"}', "name"),
        ('{"name": "\\udfffab"}', "name"),
        ('{"name": "ab", "\\ud800": 1}', "?"),
        ('{"name": "ab", "x\ud800": 1}', "x?"),
        ('{"name": Infinity}', ""),
        ("\ufeff{}", ""),
        ('{"name": 1e999}', "name"),
        ('{"name": ' + "1" * 5000 + "}", ""),
    ],
    ids=ascii,
)
def test_texts_that_nobody_can_write_down_are_refused(
    app: APIGatewayRestResolver, lines: Lines, body: str, field: str
) -> None:
    """A-52: half a character, a byte order mark, numbers without end."""
    found = send(app, lines, "POST", "/v1/names", body)
    assert found["statusCode"] == 422
    assert [wrong["field"] for wrong in json.loads(found["body"])["errors"]] == [field]

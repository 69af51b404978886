"""The refresh token of a browser lies in a cookie that scripts cannot read and foreign pages cannot use."""

from __future__ import annotations

import secrets
from http.cookies import SimpleCookie
from typing import Any

import httpx
import pytest

from infra.local.stack import LocalStack

GOOD = "correct horse battery"
NAME = "__Host-antiphon"


def page(stack: LocalStack, **headers: str) -> dict[str, str]:
    """What a page of the web app sends."""
    return {"Antiphon-Session": "cookie", "Origin": stack.url, **headers}


def cookie_of(answer: httpx.Response) -> str:
    return SimpleCookie(answer.headers["set-cookie"])[NAME].value


@pytest.fixture
def registered(http: httpx.Client, stack: LocalStack) -> httpx.Response:
    known = {"email": f"{secrets.token_hex(6)}@example.com", "password": GOOD}
    answer = http.post("/v1/auth/register", json=known, headers=page(stack))
    assert answer.status_code == 201, answer.text
    return answer


def refreshed(http: httpx.Client, cookie: str, headers: dict[str, str]) -> httpx.Response:
    return http.post("/v1/auth/refresh", headers={"Cookie": f"{NAME}={cookie}", **headers})


def test_the_cookie_holds_the_token_and_the_answer_does_not(registered: httpx.Response) -> None:
    """A-26"""
    attributes = {part.strip() for part in registered.headers["set-cookie"].split(";")[1:]}
    assert {"Secure", "HttpOnly", "SameSite=Strict", "Path=/"} <= attributes
    assert not any(part.startswith("Domain") for part in attributes)
    assert registered.json()["refresh_token"] is None
    assert cookie_of(registered) not in registered.text


def test_a_cookie_is_exchanged_once_and_signs_out(
    http: httpx.Client, stack: LocalStack, registered: httpx.Response
) -> None:
    first = cookie_of(registered)
    answer = refreshed(http, first, page(stack))
    assert (answer.status_code, answer.json()["refresh_token"]) == (200, None)
    second = cookie_of(answer)
    assert second != first
    out = http.post("/v1/auth/logout", headers={"Cookie": f"{NAME}={second}", **page(stack)})
    assert out.status_code == 204
    assert cookie_of(out) == ""
    assert refreshed(http, second, page(stack)).status_code == 401


@pytest.mark.parametrize("origin", ["https://evil.test", "null", "", None])
def test_no_foreign_page_can_use_the_cookie(
    http: httpx.Client, stack: LocalStack, registered: httpx.Response, origin: str | None
) -> None:
    """A-27: nor a request without the header that no form can send; the session goes on."""
    foreign = {name: value for name, value in (page(stack) | {"Origin": origin}).items() if value is not None}
    for path in ("refresh", "logout"):
        answer = http.post(f"/v1/auth/{path}", headers={"Cookie": f"{NAME}={cookie_of(registered)}", **foreign})
        assert (answer.status_code, answer.json()["code"]) == (403, "foreign_origin")
        form: dict[str, Any] = {"Cookie": f"{NAME}={cookie_of(registered)}", "Origin": "https://evil.test"}
        assert http.post(f"/v1/auth/{path}", headers=form, data={"refresh_token": "x"}).status_code == 403
        plain = form | {"Content-Type": "text/plain"}
        assert http.post(f"/v1/auth/{path}", headers=plain, content='{"refresh_token": "x"}').status_code == 403
    assert refreshed(http, cookie_of(registered), page(stack)).status_code == 200


def test_no_origin_is_given_leave_to_read(http: httpx.Client) -> None:
    """A-28"""
    asked = {"Origin": "https://evil.test", "Access-Control-Request-Method": "POST"}
    for answer in (
        http.options("/v1/auth/refresh", headers=asked | {"Access-Control-Request-Headers": "antiphon-session"}),
        http.get("/v1/health", headers={"Origin": "https://evil.test"}),
        http.get("/v1/health", headers={"Origin": "null"}),
    ):
        assert not [name for name in answer.headers if name.startswith("access-control-allow")]

"""What the gateway is told about a request."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from antiphon.identity.admit import Admitted
from antiphon.platform.errors import Unauthorized

FOLDER = Path(__file__).parents[3] / "functions" / "authorizer"
ARN = "arn:aws:execute-api:us-east-1:123456789012:abc/prod/GET/v1/jobs/job_1"
SIBLINGS = ("handler", "wiring")


@pytest.fixture
def authorizer(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The handler's module as Lambda loads it: its own folder is the root of its imports."""
    monkeypatch.syspath_prepend(FOLDER)
    for name in SIBLINGS:
        monkeypatch.delitem(sys.modules, name, raising=False)
    yield importlib.import_module("handler")
    for name in SIBLINGS:
        sys.modules.pop(name, None)


SOCKET = "arn:aws:execute-api:us-east-1:123456789012:abc/live/$connect"
HOME = "https://app.example.com"


def let_in(authorizer: ModuleType, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    seen: list[str] = []

    def admit(header: str) -> Admitted:
        seen.append(header)
        if header != "Bearer good":
            raise Unauthorized
        return Admitted("usr_1", "premium", "user", session_id="ses_1")

    monkeypatch.setattr(authorizer, "admit", lambda: admit)
    return seen


def event(**headers: str) -> dict[str, object]:
    return {"type": "REQUEST", "methodArn": ARN, "resource": "/v1/jobs/{id}", "headers": headers}


def test_a_good_token_opens_the_stage_and_names_its_user(
    authorizer: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer is remembered for the token, so it must not be for one route only."""
    let_in(authorizer, monkeypatch)
    assert authorizer.handler(event(Authorization="Bearer good"), None) == {
        "principalId": "usr_1",
        "policyDocument": {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Action": "execute-api:Invoke",
                    "Effect": "Allow",
                    "Resource": "arn:aws:execute-api:us-east-1:123456789012:abc/prod/*",
                }
            ],
        },
        "context": {
            "user_id": "usr_1",
            "tier": "premium",
            "role": "user",
            "scopes": "",
            "session_id": "ses_1",
            "key_id": "",
            "budget": "",
            "expires_at": "",
        },
    }


def test_the_context_holds_plain_texts_only(authorizer: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """The gateway answers 500 to a list or an object in it."""
    let_in(authorizer, monkeypatch)
    found = authorizer.handler(event(authorization="Bearer good"), None)
    assert {type(value) for value in found["context"].values()} == {str}


@pytest.mark.parametrize(
    "headers", [{}, {"Authorization": ""}, {"Authorization": "Bearer bad"}, {"Cookie": "x"}], ids=str
)
def test_a_refusal_has_the_text_by_which_the_gateway_knows_it(
    authorizer: ModuleType, monkeypatch: pytest.MonkeyPatch, headers: dict[str, str]
) -> None:
    seen = let_in(authorizer, monkeypatch)
    with pytest.raises(Exception, match=r"\AUnauthorized\Z"):
        authorizer.handler(event(**headers), None)
    assert seen == [headers.get("Authorization", "")]


def test_a_request_without_headers_is_refused(authorizer: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    let_in(authorizer, monkeypatch)
    with pytest.raises(Exception, match=r"\AUnauthorized\Z"):
        authorizer.handler({"methodArn": ARN, "headers": None}, None)


def test_a_failure_of_ours_is_no_refusal_and_lets_nobody_in(
    authorizer: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> None:
        raise ConnectionError("no table")

    monkeypatch.setattr(authorizer, "admit", broken)
    with pytest.raises(ConnectionError):
        authorizer.handler(event(Authorization="Bearer good"), None)


def connecting(**headers: str) -> dict[str, object]:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return {"type": "REQUEST", "methodArn": SOCKET, "headers": names, "requestContext": {"eventType": "CONNECT"}}


@pytest.mark.parametrize(
    ("offered", "origin", "effect"),
    [
        ("antiphon.v1, bearer.good", None, "Allow"),
        ("antiphon.v1, bearer.good", HOME, "Allow"),
        ("antiphon.v1, bearer.good", "https://evil.example", "Deny"),
        ("antiphon.v1, bearer.good", "null", "Deny"),
        ("antiphon.v1, bearer.bad", HOME, "Deny"),
        ("bearer.good", HOME, "Deny"),
        ("", HOME, "Deny"),
    ],
)
def test_a_connection_is_let_in_by_its_subprotocol_and_from_our_own_page_only(
    authorizer: ModuleType, monkeypatch: pytest.MonkeyPatch, offered: str, origin: str | None, effect: str
) -> None:
    """A-29: a program sends no origin; a page cannot hide its own."""

    class Admit:
        def by_token(self, token: str) -> Admitted:
            if token != "good":
                raise Unauthorized
            return Admitted("usr_1", "free", "user", session_id="ses_1")

    monkeypatch.setattr(authorizer, "admit", Admit)
    monkeypatch.setattr(authorizer, "origin", lambda: HOME)
    headers = {"Sec_WebSocket_Protocol": offered} | ({"Origin": origin} if origin else {})
    answer = authorizer.handler(connecting(**headers), None)
    (statement,) = answer["policyDocument"]["Statement"]
    assert statement["Effect"] == effect
    assert ("context" in answer) == (effect == "Allow")

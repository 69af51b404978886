"""Signing in and out, keys and limits, through the edge."""

from __future__ import annotations

import secrets
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from antiphon.platform.access import SCOPES
from infra.local.person import Person
from infra.local.stack import LocalStack
from tests.firebase import KeyServer

GOOD = "correct horse battery"
BETTER = "another good horse"


def registered(http: httpx.Client, **more: Any) -> dict[str, Any]:
    known = {"email": f"{secrets.token_hex(6)}@example.com", "password": GOOD}
    answer = http.post("/v1/auth/register", json=known | more)
    assert answer.status_code == 201, answer.text
    return {**answer.json(), **known}


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def status(http: httpx.Client, path: str, token: str) -> int:
    return http.get(path, headers=bearer(token)).status_code


def refresh(http: httpx.Client, token: str, **headers: str) -> httpx.Response:
    return http.post("/v1/auth/refresh", json={"refresh_token": token}, headers=headers)


def test_tokens_are_exchanged_and_a_second_use_ends_the_session(http: httpx.Client) -> None:
    """A-22, A-23: the successor's access token dies with it."""
    me = registered(http)
    second = refresh(http, me["refresh_token"]).json()
    assert status(http, "/v1/me", second["access_token"]) == 200
    again = refresh(http, me["refresh_token"])
    assert (again.status_code, again.json()["code"]) == (401, "invalid_refresh_token")
    assert status(http, "/v1/me", second["access_token"]) == 401
    assert refresh(http, second["refresh_token"]).status_code == 401
    login = http.post("/v1/auth/login", json={"email": me["email"], "password": GOOD}).json()
    log = http.get("/v1/me/audit", headers=bearer(login["access_token"])).json()["data"]
    assert ("session.reuse", "ended") in {(e["action"], e["outcome"]) for e in log}


def test_of_twenty_exchanges_at_once_one_wins(http: httpx.Client) -> None:
    """A-22"""
    me = registered(http)
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: refresh(http, me["refresh_token"]).status_code, range(20)))
    assert Counter(answers) == {200: 1, 401: 19}


def test_an_exchange_whose_answer_was_lost_can_be_repeated(http: httpx.Client) -> None:
    """D1: with its key, by as many as like."""
    me = registered(http)
    with ThreadPoolExecutor(5) as pool:
        answers = list(
            pool.map(lambda _: refresh(http, me["refresh_token"], **{"Idempotency-Key": "lost"}).json(), range(5))
        )
    assert len({a["refresh_token"] for a in answers}) == 1
    assert refresh(http, answers[0]["refresh_token"]).status_code == 200


def test_signing_out_here_there_and_everywhere(http: httpx.Client) -> None:
    """A-24, A-25"""
    phone = registered(http)
    known = {"email": phone["email"], "password": GOOD}
    laptop = http.post("/v1/auth/login", json=known, headers={"User-Agent": "laptop"}).json()
    tablet = http.post("/v1/auth/login", json=known, headers={"User-Agent": "tablet"}).json()
    listed = http.get("/v1/auth/sessions", headers=bearer(laptop["access_token"])).json()["data"]
    assert [s["device"] for s in listed][:2] == ["tablet", "laptop"]
    assert [s["current"] for s in listed] == [False, True, False]
    assert http.post("/v1/auth/logout", json={"refresh_token": phone["refresh_token"]}).status_code == 204
    assert status(http, "/v1/me", phone["access_token"]) == 401
    ended = http.delete(f"/v1/auth/sessions/{listed[0]['id']}", headers=bearer(laptop["access_token"]))
    assert ended.status_code == 204
    assert status(http, "/v1/me", tablet["access_token"]) == 401
    assert http.delete("/v1/auth/sessions", headers=bearer(laptop["access_token"])).status_code == 204
    assert status(http, "/v1/me", laptop["access_token"]) == 401


def test_a_profile_its_preferences_and_a_new_password(http: httpx.Client) -> None:
    """A-07, A-44"""
    me = registered(http, display_name="Anna")
    here = bearer(me["access_token"])
    changed = http.patch(
        "/v1/me",
        headers=here,
        json={"display_name": "Ann", "preferences": {"theme": "dark", "defaults": {"speech": {"speed": 2}}}},
    ).json()
    assert (changed["display_name"], changed["preferences"]["defaults"]) == ("Ann", {"speech": {"speed": 2}})
    assert changed == http.get("/v1/me", headers=here).json()
    assert changed["inbox"]["prefix"] == f"inbox/{me['user']['id']}/"
    refused = http.patch("/v1/me", headers=here, json={"tier": "enterprise", "role": "admin"})
    assert (refused.status_code, {e["field"] for e in refused.json()["errors"]}) == (422, {"tier", "role"})
    sent = {"current_password": "wrong", "new_password": BETTER}
    assert http.post("/v1/me/password", headers=here, json=sent).json()["code"] == "wrong_password"
    assert http.post("/v1/me/password", headers=here, json=sent | {"current_password": GOOD}).status_code == 204
    assert status(http, "/v1/me", me["access_token"]) == 200
    for password, expected in ((GOOD, 401), (BETTER, 200)):
        login = http.post("/v1/auth/login", json={"email": me["email"], "password": password})
        assert login.status_code == expected


def mailed(stack: LocalStack, to: str, subject: str, seconds: float = 30) -> str:
    """The text of the mail as soon as it is there."""
    deadline = time.monotonic() + seconds
    while True:
        for mail in stack.mails(to):
            if mail["Subject"] == subject:
                return str(mail["BodyText"])
        assert time.monotonic() < deadline, f"no mail {subject!r} to {to}"
        time.sleep(0.1)


def test_a_forgotten_password_comes_back_by_mail(http: httpx.Client, stack: LocalStack) -> None:
    """A-30, A-31"""
    me = registered(http)
    answers = [
        http.post("/v1/auth/forgot-password", json={"email": email})
        for email in (me["email"], f"{secrets.token_hex(6)}@example.com")
    ]
    assert [a.status_code for a in answers] == [202, 202]
    assert answers[0].content == answers[1].content
    text = mailed(stack, me["email"], "Choose a new password")
    link = next(line for line in text.splitlines() if line.startswith("http"))
    assert link.startswith(f"{stack.url}/reset-password#token=rst_")
    wanted = {"token": link.partition("token=")[2], "new_password": BETTER}
    with ThreadPoolExecutor(2) as pool:
        used = pool.map(lambda _: http.post("/v1/auth/reset-password", json=wanted).status_code, range(2))
    assert Counter(used) == {204: 1, 422: 1}
    assert status(http, "/v1/me", me["access_token"]) == 401
    login = http.post("/v1/auth/login", json={"email": me["email"], "password": BETTER})
    assert login.status_code == 200
    assert "was changed" in mailed(stack, me["email"], "Your password was changed")
    refresh(http, login.json()["refresh_token"])
    refresh(http, login.json()["refresh_token"])
    assert "a second time" in mailed(stack, me["email"], "A device was signed out")


def test_who_firebase_vouches_for_comes_in(http: httpx.Client, firebase: KeyServer) -> None:
    """A-33, A-36"""
    assert http.get("/v1/auth/providers").json() == {"firebase": None}, "browsers have no key for it here"
    project, now = firebase.project, time.time()
    mail, subject = f"{secrets.token_hex(6)}@example.com", secrets.token_hex(6)

    def enter(**changes: Any) -> httpx.Response:
        token = project.token(project.claims(now, sub=subject, email=mail, **changes))
        return http.post("/v1/auth/firebase", json={"id_token": token})

    first, again = enter(), enter()
    assert (first.status_code, again.status_code) == (200, 200), first.text
    assert first.json()["user"] == again.json()["user"]
    assert status(http, "/v1/me", again.json()["access_token"]) == 200
    for refused in (enter(aud="another-project"), enter(exp=int(now) - 999)):
        assert (refused.status_code, refused.json()["code"]) == (401, "invalid_id_token")


def test_a_key_does_what_its_scopes_say_until_it_is_revoked(http: httpx.Client, person: Person) -> None:
    """A-37, A-38, A-39"""
    made = person.post("/v1/api-keys", {"name": "ci", "scopes": ["speech:read"]}).json()
    assert status(http, "/v1/voices", made["key"]) == 200
    wrong = http.get("/v1/transcriptions", headers=bearer(made["key"]))
    assert (wrong.status_code, wrong.json()["code"]) == (403, "insufficient_scope")
    denied = http.post("/v1/api-keys", headers=bearer(made["key"]), json={"name": "x", "scopes": sorted(SCOPES)})
    assert (denied.status_code, denied.json()["code"]) == (403, "person_required")
    (shown,) = person.get("/v1/api-keys").json()["data"]
    assert "key" not in shown
    assert (shown["prefix"], shown["last_used_at"] is not None) == (made["key"][:12], True)
    assert person.delete(f"/v1/api-keys/{made['id']}").status_code == 204
    assert status(http, "/v1/voices", made["key"]) == 401
    assert person.delete(f"/v1/api-keys/{made['id']}").status_code == 404


def test_two_hundred_registrations_of_one_address_are_one_user(http: httpx.Client) -> None:
    """A-09"""
    address = f"{secrets.token_hex(6)}@example.com"

    def register(number: int) -> int:
        spelled = address.upper() if number % 2 else address
        return http.post("/v1/auth/register", json={"email": spelled, "password": GOOD}, timeout=120).status_code

    with ThreadPoolExecutor(40) as pool:
        answers = Counter(pool.map(register, range(200)))
    assert answers == {201: 1, 409: 199}


def test_too_many_requests_are_told_when_to_come_back(http: httpx.Client, person: Person) -> None:
    """A-56: exactly so many, however many come at once."""
    first = person.post("/v1/api-keys", {})
    assert first.status_code == 422
    limit = int(first.headers["RateLimit-Policy"].split("q=")[1].split(";")[0])

    def post(_: int) -> httpx.Response:
        return person.post("/v1/api-keys", {}, timeout=120)

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(post, range(2 * limit + 20)))
    refused = [a for a in answers if a.status_code == 429]
    assert refused
    assert len(answers) + 1 - len(refused) <= 2 * limit, "two windows at the most"
    assert refused[0].json()["code"] == "rate_limited"
    assert 1 <= int(refused[0].headers["Retry-After"]) <= 60
    assert "r=0" in refused[0].headers["RateLimit"]
    assert person.get("/v1/me").status_code == 200


@pytest.mark.parametrize("path", ["/v1/health", "/v1/me", "/v1/voices", "/v1/nothing"])
def test_every_answer_has_the_headers_that_browsers_need(person: Person, path: str) -> None:
    """A-54"""
    headers = person.get(path).headers
    assert "max-age=" in headers["Strict-Transport-Security"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert headers["Cache-Control"] == "no-store"

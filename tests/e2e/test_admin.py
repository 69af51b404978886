"""What administrators do, and what becomes of it, through the edge."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import httpx
import jsonschema
import pytest

from infra.local.person import Person
from infra.local.stack import ROOT, LocalStack


def make_admin(stack: LocalStack, email: str) -> subprocess.CompletedProcess[str]:
    lines = (stack.home.run / "env").read_text().splitlines()
    known = dict(line.removeprefix("export ").split("=", 1) for line in lines if "=" in line)
    environment = {**os.environ, **{name: value.strip("'\"") for name, value in known.items()}}
    command = [sys.executable, "-m", "infra.local.admin", email]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def root(http: httpx.Client, stack: LocalStack) -> Person:
    admin = Person.register(http)
    email = admin.get("/v1/me").json()["email"]
    done = make_admin(stack, email)
    assert done.returncode == 0, done.stderr
    assert admin.id in done.stdout
    return admin


def shaped(http: httpx.Client, path: str, answer: httpx.Response) -> dict[str, Any]:
    """The answer, held against the document."""
    assert answer.status_code == 200, answer.text
    document = http.get("/v1/openapi.json").json()
    operation = document["paths"][path][answer.request.method.lower()]
    schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
    found: dict[str, Any] = answer.json()
    jsonschema.validate(found, {**schema, "components": document["components"]}, cls=jsonschema.Draft202012Validator)
    return found


def test_nobody_is_made_an_administrator_who_is_not_there(stack: LocalStack) -> None:
    """A-14"""
    done = make_admin(stack, "nobody@example.com")
    assert (done.returncode, done.stdout) == (1, "")
    assert "register first" in done.stderr


def test_people_are_found_and_shown_without_what_is_only_theirs(
    http: httpx.Client, root: Person, person: Person
) -> None:
    """A-46"""
    email = person.get("/v1/me").json()["email"]
    (found,) = shaped(http, "/v1/admin/users", root.get(f"/v1/admin/users?email={email.upper()}"))["data"]
    assert (found["id"], found["tier"], found["role"], found["status"]) == (person.id, "free", "user", "active")
    assert shaped(http, "/v1/admin/users/{id}", root.get(f"/v1/admin/users/{person.id}")) == found
    first = shaped(http, "/v1/admin/users", root.get("/v1/admin/users?limit=1"))
    second = shaped(http, "/v1/admin/users", root.get(f"/v1/admin/users?limit=1&cursor={first['next_cursor']}"))
    assert first["data"][0]["id"] > second["data"][0]["id"]
    assert root.get("/v1/admin/users?email=nobody").status_code == 422
    assert root.get("/v1/admin/users/usr_nobody").status_code == 404
    tiers = shaped(http, "/v1/admin/tiers", root.get("/v1/admin/tiers"))["data"]
    assert [tier["name"] for tier in tiers] == ["free", "premium", "enterprise"]


def test_another_tier_counts_from_the_next_request_on(root: Person, person: Person) -> None:
    changed = root.call("PATCH", f"/v1/admin/users/{person.id}", json={"tier": "premium"})
    assert (changed.status_code, changed.json()["tier"]) == (200, "premium")
    assert person.get("/v1/me/usage").json()["tier"] == "premium"
    assert person.call("PATCH", f"/v1/admin/users/{person.id}", json={"tier": "enterprise"}).status_code == 403


def test_who_is_suspended_is_out_at_once_with_all_keys(http: httpx.Client, root: Person, person: Person) -> None:
    """A-24, A-40, A-46"""
    key = person.post("/v1/api-keys", {"name": "ci", "scopes": ["speech:read"]}).json()["key"]
    suspended = root.call("PATCH", f"/v1/admin/users/{person.id}", json={"status": "suspended"})
    assert suspended.json()["status"] == "suspended"
    assert person.get("/v1/me").status_code == 401
    assert http.get("/v1/voices", headers={"Authorization": f"Bearer {key}"}).status_code == 401
    assert root.call("PATCH", f"/v1/admin/users/{person.id}", json={"status": "active"}).json()["status"] == "active"
    assert person.get("/v1/me").status_code == 401
    assert http.get("/v1/voices", headers={"Authorization": f"Bearer {key}"}).status_code == 200


def test_all_devices_of_somebody_are_signed_out(root: Person, person: Person) -> None:
    """A-25"""
    assert root.delete(f"/v1/admin/users/{person.id}/sessions").status_code == 204
    assert person.get("/v1/me").status_code == 401


def test_what_an_administrator_did_is_in_the_logs_of_both(http: httpx.Client, root: Person, person: Person) -> None:
    """A-47"""
    answer = root.call("PATCH", f"/v1/admin/users/{person.id}", json={"tier": "premium"})
    request = answer.headers["X-Request-Id"]
    theirs = person.get("/v1/me/audit").json()["data"]
    log = shaped(http, "/v1/admin/audit", root.get(f"/v1/admin/audit?user_id={person.id}&limit=100"))["data"]
    assert log == theirs
    (told,) = [entry for entry in theirs if entry["action"] == "admin.user"]
    assert (told["actor"], told["request_id"], told["outcome"]) == (root.id, request, "tier free to premium")
    own = [entry for entry in root.get("/v1/me/audit").json()["data"] if entry["request_id"] == request]
    assert [(e["actor"], e["action"], e["target"], e["outcome"]) for e in own] == [
        (root.id, "admin.user.update", person.id, "200")
    ]
    assert root.get("/v1/admin/audit").status_code == 422


def test_rights_are_gone_with_the_next_request(http: httpx.Client, root: Person, person: Person) -> None:
    """A-46"""
    assert person.get("/v1/admin/users").status_code == 403
    for role, expected in (("admin", 200), ("user", 403)):
        assert root.call("PATCH", f"/v1/admin/users/{person.id}", json={"role": role}).status_code == 200
        assert person.get("/v1/admin/users").status_code == expected
    own = root.call("PATCH", f"/v1/admin/users/{root.id}", json={"role": "user"})
    assert (own.status_code, own.json()["code"]) == (409, "own_account")
    for wrong in ({"role": "god"}, {"password": "x" * 20}, {"email": "x@example.com"}, {"status": "erasing"}):
        assert root.call("PATCH", f"/v1/admin/users/{person.id}", json=wrong).status_code == 422

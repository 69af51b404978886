"""Who may call what, how often, and what is kept of it."""

from __future__ import annotations

import json
from io import StringIO
from typing import Any

import pytest
from aws_lambda_powertools import Logger

from antiphon.platform.access import ROUTES, SCOPES, Access, NoEntry, Who, access_of
from antiphon.platform.audit_memory import MemoryAuditLog
from antiphon.platform.errors import Forbidden, TooMany, Unauthorized
from antiphon.platform.gate import Ended, Gate, public
from antiphon.platform.limits import Allowance, RateLimited, network_of
from antiphon.platform.rest import answer, make_resolver
from tests.unit.conftest import HeldClock
from tests.unit.platform.gates import make_gate

KEYED = [(route, access) for route, access in ROUTES.items() if access.who is Who.CALLER]
CLOSED = [(route, access) for route, access in ROUTES.items() if access.who is not Who.PUBLIC]


def event(route: str, **context: str) -> dict[str, Any]:
    method, resource = route.split(" ")
    who = {"user_id": "usr_1", "tier": "free", "role": "user", "session_id": "ses_1"} | context
    return {
        "httpMethod": method,
        "resource": resource,
        "path": resource,
        "pathParameters": {"id": "thing_1"} if "{id}" in resource else None,
        "requestContext": {"authorizer": who if who["user_id"] else None, "identity": {"sourceIp": "192.0.2.7"}},
    }


def key(*scopes: str) -> dict[str, str]:
    return {"key_id": "key_1", "session_id": "", "scopes": " ".join(scopes)}


@pytest.fixture
def audit() -> MemoryAuditLog:
    return MemoryAuditLog()


@pytest.fixture
def gate(clock: HeldClock, audit: MemoryAuditLog) -> Gate:
    return make_gate(ROUTES, clock=clock, audit=audit)


@pytest.mark.parametrize(("route", "access"), KEYED, ids=lambda v: v if isinstance(v, str) else "")
def test_a_key_needs_the_scope_of_the_route(gate: Gate, route: str, access: Access) -> None:
    """A-38: each scope against each route."""
    assert access.scope
    assert gate.enter(event(route, **key(access.scope)), "req_1").caller
    for scope in SCOPES - {access.scope}:
        with pytest.raises(Forbidden) as refused:
            gate.enter(event(route, **key(scope)), "req_1")
        assert refused.value.code == "insufficient_scope"
        assert access.scope in refused.value.detail


@pytest.mark.parametrize(("route", "access"), CLOSED, ids=lambda v: v if isinstance(v, str) else "")
def test_a_person_may_call_every_route_and_nobody_none(gate: Gate, route: str, access: Access) -> None:
    with pytest.raises(Unauthorized):
        gate.enter(event(route, user_id=""), "req_1")
    if access.who not in (Who.ADMIN, Who.DEVICE):
        assert gate.enter(event(route), "req_1").caller


@pytest.mark.parametrize(("route", "access"), CLOSED, ids=lambda v: v if isinstance(v, str) else "")
def test_the_key_of_a_device_opens_its_own_routes_and_nothing_else(gate: Gate, route: str, access: Access) -> None:
    """A-38: also with scopes and a role that the key of a device never has."""
    device = {**key(*SCOPES), "key_id": "dev_01ARZ3NDEKTSV4RRFFQ69G5FAV", "role": "admin"}
    if "/v1/devices/{id}" in route and access.device:
        assert gate.enter(event(route, **device), "req_1").caller
        return
    with pytest.raises(Forbidden) as refused:
        gate.enter(event(route, **device), "req_1")
    assert refused.value.code == "device_key"


@pytest.mark.parametrize("route", [r for r, a in CLOSED if a.who is Who.DEVICE])
def test_what_a_device_says_nobody_says_in_its_place(gate: Gate, route: str) -> None:
    for context in ({}, {"role": "admin"}, key(*SCOPES)):
        with pytest.raises(Forbidden) as refused:
            gate.enter(event(route, **context), "req_1")
        assert refused.value.code == "device_required"


@pytest.mark.parametrize("route", [r for r, a in CLOSED if a.who is Who.PERSON])
def test_what_is_for_persons_no_key_can_do(gate: Gate, route: str) -> None:
    """A-38, A-63: no key makes keys, changes the password or ends the account."""
    with pytest.raises(Forbidden) as refused:
        gate.enter(event(route, **key(*SCOPES)), "req_1")
    assert refused.value.code == "person_required"


def test_administration_is_for_administrators() -> None:
    """A-46"""
    gate = make_gate({"GET /v1/admin/users": Access(Who.ADMIN, "admin:read")})
    assert gate.enter(event("GET /v1/admin/users", role="admin"), "req_1").caller
    for context in ({}, {"role": "admin", **key()}, key("admin:read")):
        with pytest.raises(Forbidden):
            gate.enter(event("GET /v1/admin/users", **context), "req_1")


def test_a_route_that_nobody_thought_of_lets_nobody_in(gate: Gate) -> None:
    with pytest.raises(NoEntry):
        gate.enter(event("GET /v1/new"), "req_1")
    with pytest.raises(NoEntry):
        public(event("GET /v1/me"))
    assert access_of("PUT", "/{proxy+}").who is Who.PUBLIC


@pytest.mark.parametrize(
    ("route", "context", "limit"),
    [("GET /v1/voices", {}, 5), ("POST /v1/webhooks", {}, 2), ("GET /v1/voices", key("speech:read"), 3)],
    ids=str,
)
def test_each_kind_of_request_has_its_limit(clock: HeldClock, route: str, context: dict[str, str], limit: int) -> None:
    """A-56"""
    gate = make_gate(ROUTES, clock=clock, allowance=Allowance(5, 2, 3))
    clock.move(seconds=20)
    for used in range(1, limit + 1):
        found = gate.enter(event(route, **context), "req_1").headers
        assert found == {
            "RateLimit-Policy": f'"default";q={limit};w=60',
            "RateLimit": f'"default";r={limit - used};t=40',
        }
    with pytest.raises(RateLimited) as refused:
        gate.enter(event(route, **context), "req_1")
    assert (refused.value.status, refused.value.code, refused.value.retry_after) == (429, "rate_limited", 40)
    gate.enter(event(route, user_id="usr_2", **context), "req_1")
    clock.move(seconds=40)
    assert gate.enter(event(route, **context), "req_1").headers["RateLimit"].startswith(f'"default";r={limit - 1};')


def test_denials_are_counted_so_that_nobody_fills_the_log_with_them(clock: HeldClock, audit: MemoryAuditLog) -> None:
    """A-47, A-56"""
    gate = make_gate(ROUTES, clock=clock, audit=audit, allowance=Allowance(5, 5, 3))
    for number in range(3):
        with pytest.raises(Forbidden):
            gate.enter(event("GET /v1/webhooks", **key("speech:read")), f"req_{number}")
    for number in range(3, 9):
        with pytest.raises(RateLimited):
            gate.enter(event("GET /v1/webhooks", **key("speech:read")), f"req_{number}")
    assert sorted(e.request_id or "" for e in audit.entries.values()) == ["req_0", "req_1", "req_2"]


def test_a_program_leaves_its_owner_room(clock: HeldClock) -> None:
    gate = make_gate(ROUTES, clock=clock, allowance=Allowance(5, 5, 3))
    for _ in range(3):
        gate.enter(event("GET /v1/voices", **key("speech:read")), "req_1")
    with pytest.raises(TooMany):
        gate.enter(event("GET /v1/voices", **key("speech:read")), "req_1")
    assert gate.enter(event("GET /v1/voices"), "req_1").caller


def test_who_is_not_signed_in_is_counted_by_network_and_only_where_it_costs(clock: HeldClock) -> None:
    """A-13: the address is the gateway's, whatever the headers say."""
    gate = make_gate(ROUTES, clock=clock, public_posts=2)
    login = event("POST /v1/auth/login", user_id="")
    for number in range(2):
        gate.enter(login | {"headers": {"X-Forwarded-For": f"198.51.{number}.1"}}, "req_1")
    with pytest.raises(RateLimited):
        gate.enter(login | {"headers": {"X-Forwarded-For": "198.51.9.1"}}, "req_1")
    for _ in range(9):
        assert gate.enter(event("GET /v1/auth/jwks.json", user_id=""), "req_1").headers == {}


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.0/24"),
        ("192.0.2.255", "192.0.2.0/24"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.0/24"),
        ("192.0.2.7, 198.51.100.1", "unknown"),
        ("unknown", "unknown"),
        ("", "unknown"),
    ],
)
def test_neighbours_share_an_allowance(address: str, network: str) -> None:
    assert network_of(address) == network


def test_a_change_leaves_an_entry_and_a_look_none(gate: Gate, audit: MemoryAuditLog, clock: HeldClock) -> None:
    """A-47"""
    log = Logger(service="gate", stream=StringIO())
    asked = event("DELETE /v1/webhooks/{id}", **key("webhooks:write"))
    gate.leave(gate.enter(asked, "req_1"), asked, Ended.of(204, ""), "req_1", 12, log)
    made = event("POST /v1/webhooks")
    gate.leave(gate.enter(made, "req_2"), made, Ended.of(201, json.dumps({"id": "whk_1"})), "req_2", 7, log)
    refused = json.dumps({"code": "too_many_keys", "id": 7})
    denied = event("POST /v1/api-keys")
    gate.leave(gate.enter(denied, "req_3"), denied, Ended.of(409, refused), "req_3", 3, log)
    look = event("GET /v1/webhooks")
    gate.leave(gate.enter(look, "req_4"), look, Ended.of(200, "{}"), "req_4", 3, log)
    with pytest.raises(Forbidden):
        gate.enter(event("DELETE /v1/webhooks/{id}", **key("speech:read")), "req_5")
    found = {e.request_id: (e.actor, e.action, e.target, e.outcome, e.ms) for e in audit.entries.values()}
    assert found == {
        "req_1": ("key_1", "webhook.delete", "thing_1", "204", 12),
        "req_2": ("usr_1", "webhook.create", "whk_1", "201", 7),
        "req_3": ("usr_1", "key.create", "7", "too_many_keys", 3),
        "req_5": ("key_1", "webhook.delete", "/v1/webhooks/{id}", "insufficient_scope", 0),
    }
    assert {(e.user_id, e.address, e.at) for e in audit.entries.values()} == {("usr_1", "192.0.2.7", clock())}


def test_an_entry_that_cannot_be_written_is_in_the_log(
    gate: Gate, audit: MemoryAuditLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The change is made: an error would make the client do it twice."""

    def broken(entry: object) -> None:
        raise ConnectionError("no table")

    monkeypatch.setattr(audit, "append", broken)
    stream, asked = StringIO(), event("DELETE /v1/webhooks/{id}")
    gate.leave(
        gate.enter(asked, "req_1"), asked, Ended.of(204, ""), "req_1", 1, Logger(service="broken", stream=stream)
    )
    line = json.loads(stream.getvalue())
    assert (line["message"], line["action"], line["target"]) == ("audit entry not written", "webhook.delete", "thing_1")


def test_every_answer_of_a_light_function_has_the_headers_that_browsers_need(clock: HeldClock) -> None:
    """A-54; refusals of the gate too."""
    app = make_resolver()
    gate = make_gate({"GET /v1/x": Access(Who.PERSON)}, clock=clock, allowance=Allowance(1, 1, 1))
    app.get("/v1/x")(lambda: {"x": 1})
    answers = [
        answer(app, event("GET /v1/x") | {"headers": {}}, None, Logger(service="headers", stream=StringIO()), gate)
        for _ in range(2)
    ]
    assert [a["statusCode"] for a in answers] == [200, 429]
    for found in answers:
        headers = {name: values[0] for name, values in found["multiValueHeaders"].items()}
        assert headers["Strict-Transport-Security"] == "max-age=63072000; includeSubDomains"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert headers["Cache-Control"] == "no-store"
        assert "q=1" in headers["RateLimit-Policy"]
        assert "r=0" in headers["RateLimit"]

"""T-03: what `test_user_store.py` leaves: renewed hashes, lost answers, races of whole registrations, and what the rows give away."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from argon2 import PasswordHasher

from antiphon.identity import refresh_tokens
from antiphon.identity.attempts import Attempts
from antiphon.identity.attempts_memory import MemoryAttempts
from antiphon.identity.dynamo import DynamoUsers
from antiphon.identity.memory import MemoryUsers
from antiphon.identity.model import User, UserStatus
from antiphon.identity.passwords import Passwords
from antiphon.identity.sign_in import Desk, Device, SignIn
from antiphon.platform.audit_memory import MemoryAuditLog
from antiphon.platform.errors import Conflict
from antiphon.platform.table import Table
from tests.contract.conftest import REGION
from tests.faults import Faults

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
GOOD = "correct horse battery"
Users = MemoryUsers | DynamoUsers


class Tokens:
    def access_token(self, user: User, session_id: str) -> str:
        return f"{user.id}/{session_id}"


class Quick(Passwords):
    """The least that Argon2id can do: these tests are about rows."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


@pytest.fixture(params=["memory", "dynamo"])
def users(request: pytest.FixtureRequest) -> Users:
    return MemoryUsers() if request.param == "memory" else DynamoUsers(request.getfixturevalue("table"))


def sign_in(users: Users) -> SignIn:
    desk = Desk(sessions=users, issuer=Tokens(), clock=lambda: NOW)  # type: ignore[arg-type]
    attempts = Attempts(MemoryAttempts(), lambda: NOW, network_free=1000)
    return SignIn(
        users=users,
        hasher=Quick(),
        desk=desk,
        audit=MemoryAuditLog(),
        attempts=attempts,
        clock=lambda: NOW,
        min_length=12,
    )


def person(**changes: Any) -> User:
    return replace(
        User("usr_1", "anna@example.com", "old", NOW, preferences={"theme": "dark", "defaults": {}}), **changes
    )


@pytest.mark.parametrize("name", [None, "Anna"])
def test_a_hash_is_replaced_and_nothing_else(users: Users, name: str | None) -> None:
    """A-02"""
    users.create(person(display_name=name))
    users.replace_password_hash(person(display_name=name), "new")
    assert users.get("usr_1") == person(display_name=name, password_hash="new")
    assert users.by_email("anna@example.com") == users.get("usr_1")


def test_a_password_that_has_changed_since_is_left_alone(users: Users) -> None:
    """A-02"""
    users.create(person(password_hash="reset"))
    users.replace_password_hash(person(), "new")
    assert users.get("usr_1") == person(password_hash="reset")


def test_who_was_suspended_since_is_left_alone(users: Users) -> None:
    users.create(person(status=UserStatus.SUSPENDED))
    users.replace_password_hash(person(), "new")
    assert users.get("usr_1") == person(status=UserStatus.SUSPENDED)


@pytest.mark.parametrize(
    "meanwhile",
    [{"tier": "premium"}, {"role": "admin"}, {"preferences": {"theme": "light"}}],
    ids=str,
)
def test_renewing_a_hash_undoes_no_other_change(users: Users, meanwhile: dict[str, Any]) -> None:
    """A-02"""
    users.create(person(**meanwhile))
    users.replace_password_hash(person(), "new")
    assert users.get("usr_1") == person(**meanwhile, password_hash="new")


def test_a_user_that_is_gone_does_not_come_back(users: Users) -> None:
    users.replace_password_hash(person(), "new")
    assert users.get("usr_1") is None


def test_of_twenty_parallel_registrations_one_user_comes_out(users: Users) -> None:
    """A-09, A-10: whole registrations, in as many spellings."""
    spellings = [" Anna@Example.com", "ANNA@example.COM ", "anna@EXAMPLE.com", "anna@example.com"]
    desk = sign_in(users)

    def register(number: int) -> str:
        try:
            return desk.register(email=spellings[number % 4], password=GOOD, display_name=None, device=Device()).user.id
        except Conflict as refused:
            return refused.code

    with ThreadPoolExecutor(20) as pool:
        told = list(pool.map(register, range(20)))
    assert told.count("email_taken") == 19
    found = users.by_email("anna@example.com")
    assert found is not None
    assert found.id in told


def test_a_registration_whose_answer_was_lost_at_any_call_is_one_user_that_can_log_in(
    table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Q-10"""
    faults, desk, struck = Faults(monkeypatch), sign_in(DynamoUsers(table)), []
    for at in range(1, 10):
        faults.arm(at, "answer lost")
        with faults.watched():
            made = desk.register(email=f"a{at}@example.com", password=GOOD, display_name=None, device=Device())
        assert desk.login(email=f"a{at}@example.com", password=GOOD, device=Device()).user.id == made.user.id
        if not faults.struck:
            break
        struck.append(faults.struck)
    assert struck == ["TransactWriteItems", "TransactWriteItems"], "user with address, session"


def test_no_key_of_a_row_holds_an_address_and_no_row_a_token_or_a_password(table: Table) -> None:
    """A-22, A-01"""
    made = sign_in(DynamoUsers(table)).register(
        email="anna@example.com", password=GOOD, display_name=None, device=Device("phone")
    )
    rows = boto3.client("dynamodb", region_name=REGION).scan(TableName=table.name)["Items"]
    assert sorted(row["row"]["S"] for row in rows) == ["email", "session", "user"]
    for row in rows:
        assert "anna" not in row["pk"]["S"] + row["sk"]["S"]
        for secret in (made.refresh_token, made.refresh_token.removeprefix("rt_"), made.access_token, GOOD):
            assert secret not in json.dumps(row)
    (session,) = [row for row in rows if row["row"]["S"] == "session"]
    token = refresh_tokens.parse(made.refresh_token)
    assert token is not None
    assert session["refresh_hash"]["S"] == token.hash
    assert len(made.refresh_token.removeprefix("rt_")) * 6 >= 128, "bits"

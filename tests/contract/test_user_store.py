"""T-03: the fake and the real user store pass one suite."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from antiphon.identity.dynamo import DynamoUsers
from antiphon.identity.memory import MemoryUsers
from antiphon.identity.model import Session, User
from antiphon.identity.ports import EmailTaken

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
Users = MemoryUsers | DynamoUsers


@pytest.fixture(params=["memory", "dynamo"])
def users(request: pytest.FixtureRequest) -> Users:
    return MemoryUsers() if request.param == "memory" else DynamoUsers(request.getfixturevalue("table"))


def person(number: int = 1, email: str = "anna@example.com") -> User:
    return User(f"usr_{number}", email, "hash", NOW, "Anna", preferences={"defaults": {"speech": {"voice": "x"}}})


def test_a_user_comes_back_by_id_and_by_address(users: Users) -> None:
    users.create(person())
    assert users.get("usr_1") == users.by_email("anna@example.com") == person()
    assert users.get("usr_2") is None
    assert users.by_email("other@example.com") is None
    assert users.tier_of("usr_1") == "free"
    assert users.tier_of("usr_2") is None
    assert users.defaults_of("usr_1") == {"speech": {"voice": "x"}}


def test_an_address_is_taken_once_and_the_same_write_again_is_no_other(users: Users) -> None:
    users.create(person())
    users.create(person())
    with pytest.raises(EmailTaken):
        users.create(person(2))
    assert users.get("usr_2") is None


def test_of_many_registrations_of_one_address_one_wins(users: Users) -> None:
    """A-09"""

    def register(number: int) -> bool:
        try:
            users.create(person(number))
        except EmailTaken:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(register, range(20))) == 1


def test_sessions_belong_to_their_user(users: Users) -> None:
    session = Session("ses_1", "usr_1", "h", NOW, NOW + timedelta(days=30), "phone")
    users.start_session(session)
    assert users.session("usr_1", "ses_1") == session
    assert users.session("usr_2", "ses_1") is None

"""T-03: the fake and the real user store pass one suite."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from antiphon.identity.dynamo import DynamoUsers
from antiphon.identity.memory import MemoryUsers
from antiphon.identity.model import Replay, Session, User, UserStatus
from antiphon.identity.ports import Changed, EmailTaken
from antiphon.platform.audit import Entry
from antiphon.platform.events import Event
from antiphon.platform.pages import Page

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
Users = MemoryUsers | DynamoUsers


@pytest.fixture(params=["memory", "dynamo"])
def users(request: pytest.FixtureRequest) -> Users:
    return MemoryUsers() if request.param == "memory" else DynamoUsers(request.getfixturevalue("table"))


def person(number: int = 1, email: str = "anna@example.com") -> User:
    return User(f"usr_{number}", email, "hash", NOW, "Anna", preferences={"defaults": {"speech": {"voice": "x"}}})


def sitting(number: int = 1, **changes: Any) -> Session:
    made = Session(f"ses_{number}", "usr_1", "f", "h", NOW, NOW + timedelta(days=30), NOW, "phone", "192.0.2.7")
    return replace(made, **changes)


def notice() -> Event:
    return Event("evt_1", "usr_1", "user.password_changed", NOW, {})


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
    users.create(person())
    session = sitting()
    users.start_session(session)
    assert users.session("usr_1", "ses_1") == session
    assert users.session("usr_2", "ses_1") is None


def test_sessions_are_listed_newest_first_page_by_page(users: Users) -> None:
    users.create(person())
    for number in range(1, 6):
        users.start_session(sitting(number))
    first = users.sessions("usr_1", 2)
    second = users.sessions("usr_1", 2, first.position)
    third = users.sessions("usr_1", 2, second.position)
    assert [[s.id[-1] for s in page.items] for page in (first, second, third)] == [["5", "4"], ["3", "2"], ["1"]]
    assert third.position is None
    assert users.sessions("usr_2", 2).items == ()


@pytest.mark.parametrize("state", ["gone", "suspended", "ended everywhere"])
def test_no_session_starts_for_who_may_not_come_in(users: Users, state: str) -> None:
    """A-24: also where all sessions were ended between the password and the session."""
    if state != "gone":
        users.create(person() if state == "ended everywhere" else replace(person(), status=UserStatus.SUSPENDED))
    if state == "ended everywhere":
        users.end_sessions("usr_1")
    with pytest.raises(Changed):
        users.start_session(sitting())
    assert users.session("usr_1", "ses_1") is None


def test_sessions_end_all_at_once_and_the_next_one_is_good(users: Users) -> None:
    users.create(person())
    users.start_session(sitting())
    for epoch in (1, 2):
        users.end_sessions("usr_1")
        user, session = users.get("usr_1"), users.session("usr_1", "ses_1")
        assert user is not None
        assert session is not None
        assert user.session_epoch == epoch
        assert not session.good_for(user, NOW)
    users.start_session(sitting(2, epoch=2))


def test_of_many_exchanges_of_one_refresh_token_one_wins(users: Users) -> None:
    """A-22"""
    users.create(person())
    users.start_session(sitting())
    replay = Replay("t", "k", "sealed", NOW)

    def rotate(number: int) -> bool:
        return users.rotate(sitting(), sitting(refresh_hash=f"h{number}", replay=replay))

    with ThreadPoolExecutor(20) as pool:
        won = list(pool.map(rotate, range(20)))
    assert sum(won) == 1
    assert users.session("usr_1", "ses_1") == sitting(refresh_hash=f"h{won.index(True)}", replay=replay)


def test_a_session_that_was_ended_is_not_rotated_back(users: Users) -> None:
    users.create(person())
    users.start_session(sitting())
    assert users.end_session(sitting())
    assert not users.rotate(sitting(), sitting(refresh_hash="h2"))
    assert users.session("usr_1", "ses_1") is None


def test_of_many_who_end_a_session_one_tells_of_it(users: Users) -> None:
    """A-23"""
    users.create(person())
    users.start_session(sitting())
    entry = Entry("usr_1", "usr_1", "session.reuse", "ses_1", "ended", NOW)
    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(lambda _: users.end_session(sitting(), notice(), entry), range(8)))
    assert sum(told) == 1


def test_a_new_password_ends_the_other_sessions(users: Users) -> None:
    """A-07"""
    users.create(person())
    users.start_session(sitting())
    users.start_session(sitting(2))
    users.change_password(person(), "new", sitting(), notice())
    user = users.get("usr_1")
    assert user is not None
    assert user.password_hash == "new"
    good = [s.id for s in users.sessions("usr_1", 20).items if s.good_for(user, NOW)]
    assert good == ["ses_1"]


@pytest.mark.parametrize("meanwhile", ["password", "sessions", "session"])
def test_a_password_does_not_change_under_another_change(users: Users, meanwhile: str) -> None:
    users.create(person())
    users.start_session(sitting())
    match meanwhile:
        case "password":
            users.replace_password_hash(person(), "other")
        case "sessions":
            users.end_sessions("usr_1")
        case _:
            users.end_session(sitting())
    with pytest.raises(Changed):
        users.change_password(person(), "new", sitting(), notice())
    user = users.get("usr_1")
    assert user is not None
    assert user.password_hash != "new"


def test_a_profile_changes_if_nobody_else_changed_it(users: Users) -> None:
    users.create(person())
    users.change_profile(person(), display_name=None, preferences={"theme": "dark"})
    user = users.get("usr_1")
    assert user is not None
    assert (user.display_name, user.preferences) == (None, {"theme": "dark"})
    with pytest.raises(Changed):
        users.change_profile(person(), display_name="Ann", preferences={"theme": "light"})
    with pytest.raises(Changed):
        users.change_profile(person(2), display_name="Ann", preferences={})
    users.change_profile(user, display_name="Ann", preferences={"theme": "dark"})
    assert users.get("usr_1") == replace(user, display_name="Ann")


def test_a_link_for_a_new_password_is_good_once(users: Users) -> None:
    """A-31"""
    users.create(person())
    users.start_session(sitting())
    assert users.begin_reset("usr_1", "old", NOW + timedelta(minutes=30))
    assert users.begin_reset("usr_1", "link", NOW + timedelta(minutes=30))
    assert not users.begin_reset("usr_2", "link", NOW + timedelta(minutes=30))
    late = NOW + timedelta(minutes=30)
    assert not users.reset_password("usr_1", "old", "new", NOW, notice())
    assert not users.reset_password("usr_1", "link", "new", late, notice())

    def use(number: int) -> bool:
        return users.reset_password("usr_1", "link", f"new{number}", NOW, notice())

    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(use, range(8)))
    assert sum(won) == 1
    user, session = users.get("usr_1"), users.session("usr_1", "ses_1")
    assert user is not None
    assert session is not None
    assert (user.password_hash, user.reset_hash) == (f"new{won.index(True)}", None)
    assert not session.good_for(user, NOW)


def test_an_account_of_another_service_leads_to_one_user(users: Users) -> None:
    """A-36"""
    assert users.by_federated("https://x", "1") is None
    for _ in range(2):
        users.create_linked(person(), "https://x", "1")
    assert users.by_federated("https://x", "1") == users.by_email("anna@example.com") == person()
    with pytest.raises(EmailTaken):
        users.create_linked(person(2), "https://x", "2")
    with pytest.raises(Changed):
        users.create_linked(person(3, "c@example.com"), "https://x", "1")
    assert users.get("usr_3") is None
    users.create(person(4, "d@example.com"))
    for _ in range(2):
        users.link(person(4, "d@example.com"), "https://y", "1")
    for wrong in (person(1), person(9, "nobody@example.com")):
        with pytest.raises(Changed):
            users.link(wrong, "https://y", "1")
    linked = users.by_federated("https://y", "1")
    assert linked is not None
    assert linked.id == "usr_4"


def test_with_a_link_that_proves_the_address_password_and_sessions_end(users: Users) -> None:
    """A-36"""
    users.create(person())
    users.start_session(sitting())
    for _ in range(2):
        users.link(person(), "https://x", "1", notice())
    user, session = users.by_federated("https://x", "1"), users.session("usr_1", "ses_1")
    assert user is not None
    assert session is not None
    assert (user.password_hash, user.email_verified) == ("", True)
    assert not session.good_for(user, NOW)
    with pytest.raises(Changed):  # as it was read before that
        users.link(person(), "https://x", "2", notice())
    for _ in range(2):
        users.unlink("usr_1")
        assert users.by_federated("https://x", "1") is None


def test_administrators_see_all_users_newest_first(users: Users) -> None:
    assert users.page(2) == Page((), None)
    for number in range(1, 6):
        users.create(person(number, f"{number}@example.com"))
    first = users.page(2)
    assert [user.id for user in first.items] == ["usr_5", "usr_4"]
    assert first.items[0] == person(5, "5@example.com")
    second = users.page(2, first.position)
    assert [user.id for user in second.items] == ["usr_3", "usr_2"]
    assert users.page(2, second.position) == Page((person(1, "1@example.com"),), None)


def test_an_administrators_change_holds_only_for_what_was_read(users: Users) -> None:
    """A-24, O-09: the entry is written with the change, or neither is."""
    users.create(person())
    users.start_session(sitting())
    entry = Entry("usr_1", "usr_9", "admin.user", "usr_1", "x", NOW)
    after = replace(person(), tier="premium", role="admin", status=UserStatus.SUSPENDED, session_epoch=1)
    for _ in range(2):
        users.administer(person(), after, entry)
    assert users.get("usr_1") == after
    for stale in (person(), replace(after, tier="free"), replace(after, role="user"), person(7)):
        with pytest.raises(Changed):
            users.administer(stale, replace(stale, tier="enterprise"), entry)
    assert users.tier_of("usr_1") is None


def test_a_new_password_ends_the_link(users: Users) -> None:
    """A-31"""
    users.create(person())
    users.begin_reset("usr_1", "link", NOW + timedelta(minutes=30))
    known = users.get("usr_1")
    assert known is not None
    users.change_password(known, "new", None, notice())
    assert not users.reset_password("usr_1", "link", "other", NOW, notice())

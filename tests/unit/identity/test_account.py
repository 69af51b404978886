"""The own account."""

from __future__ import annotations

from dataclasses import replace

import pytest

from antiphon.identity.account import Account, merged
from antiphon.identity.model import UserStatus
from antiphon.identity.sign_in import Device, SignedIn
from antiphon.platform.errors import Forbidden, Invalid, NotFound, Unauthorized
from tests.unit.conftest import HeldClock
from tests.unit.identity.conftest import GOOD, HERE, House

BETTER = "another good horse"


@pytest.fixture
def account(house: House) -> Account:
    return Account(
        users=house.users,
        sessions=house.users,
        hasher=house.hasher,
        attempts=house.attempts,
        clock=house.clock,
        min_length=12,
    )


@pytest.fixture
def anna(house: House) -> SignedIn:
    return house.register()


def session_id(found: SignedIn) -> str:
    return found.access_token.split("/")[1]


def test_preferences_are_merged_and_null_removes() -> None:
    """RFC 7396"""
    known = {"theme": "dark", "defaults": {"speech": {"voice": "x", "speed": 2}}}
    changed = merged(known, {"theme": None, "language": "he", "defaults": {"speech": {"speed": None}}})
    assert changed == {"language": "he", "defaults": {"speech": {"voice": "x"}}}
    assert known["theme"] == "dark"
    assert merged({"a": 1}, {"a": {"b": 2}}) == {"a": {"b": 2}}


def test_a_profile_changes_by_what_is_sent(account: Account, anna: SignedIn) -> None:
    me = anna.user.id
    assert account.change(me, preferences={"theme": "dark"}).display_name == "Anna"
    assert account.change(me, display_name="Ann").preferences == {"theme": "dark"}
    assert account.change(me, display_name=None).display_name is None
    assert account.change(me) == account.get(me)


def test_a_password_changes_with_the_current_one_and_ends_the_other_sessions(
    house: House, account: Account, anna: SignedIn
) -> None:
    """A-07"""
    other = house.login(device=Device("laptop"))
    account.change_password(anna.user.id, session_id(anna), current=GOOD, new=BETTER, device=HERE)
    assert [s.id for s in account.sessions(anna.user.id, 20).items] == [session_id(anna)]
    assert house.refresh(anna.refresh_token, Device())
    with pytest.raises(Unauthorized):
        house.refresh(other.refresh_token, Device())
    with pytest.raises(Unauthorized):
        house.login(password=GOOD)
    assert house.login(password=BETTER)
    assert [e.type for e in house.users.events] == ["user.password_changed"]


@pytest.mark.parametrize(
    ("current", "new"), [("wrong horse battery", BETTER), (GOOD, "short"), (GOOD, "Anna@Example.com")]
)
def test_a_password_does_not_change_otherwise(
    house: House, account: Account, anna: SignedIn, current: str, new: str
) -> None:
    with pytest.raises((Forbidden, Invalid)) as refused:
        account.change_password(anna.user.id, session_id(anna), current=current, new=new, device=HERE)
    assert refused.value.fields[0].field == ("new_password" if current == GOOD else "current_password")
    assert house.login()
    assert house.users.events == []


def test_the_list_shows_where_one_is_signed_in(
    house: House, account: Account, anna: SignedIn, clock: HeldClock
) -> None:
    """A-25"""
    clock.move(minutes=1)
    laptop = house.login(device=Device("laptop", "198.51.100.9"))
    found = {s.device: s for s in account.sessions(anna.user.id, 20).items}
    assert set(found) == {"phone", "laptop"}
    assert (found["laptop"].used_at, found["laptop"].address) == (clock(), "198.51.100.9")
    account.end_session(anna.user.id, session_id(laptop))
    assert [s.device for s in account.sessions(anna.user.id, 20).items] == ["phone"]
    for gone in (session_id(laptop), "ses_unknown"):
        with pytest.raises(NotFound):
            account.end_session(anna.user.id, gone)


def test_a_session_of_somebody_else_is_not_there(house: House, account: Account, anna: SignedIn) -> None:
    """A-41"""
    ben = house.register("ben@example.com")
    with pytest.raises(NotFound):
        account.end_session(ben.user.id, session_id(anna))
    assert house.session(anna)


def test_all_sessions_end_at_once(house: House, account: Account, anna: SignedIn) -> None:
    """A-24"""
    laptop = house.login()
    account.end_sessions(anna.user.id)
    assert account.sessions(anna.user.id, 20).items == ()
    for found in (anna, laptop):
        with pytest.raises(Unauthorized):
            house.refresh(found.refresh_token, Device())
    assert house.login()


def test_nobody_has_an_account_who_may_not_come_in(house: House, account: Account, anna: SignedIn) -> None:
    house.users._users[anna.user.id] = replace(anna.user, status=UserStatus.SUSPENDED)
    with pytest.raises(Unauthorized):
        account.get(anna.user.id)
    with pytest.raises(Unauthorized):
        account.get("usr_nobody")

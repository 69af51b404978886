"""What a sign-in leaves behind, and who may no longer log in."""

from __future__ import annotations

from dataclasses import replace

import pytest

from antiphon.identity.memory import MemoryUsers
from antiphon.identity.model import User, UserStatus
from antiphon.identity.passwords import Passwords, check
from antiphon.identity.sign_in import MAX_DEVICE, SignedIn, SignIn
from antiphon.identity.tokens import refresh_hash
from antiphon.platform.errors import Invalid, Unauthorized
from tests.unit.conftest import HeldClock

GOOD = "correct horse battery"


class Tokens:
    """An issuer whose tokens can be read."""

    def access_token(self, user: User, session_id: str) -> str:
        return f"{user.id}/{session_id}"


@pytest.fixture
def users() -> MemoryUsers:
    return MemoryUsers()


@pytest.fixture
def desk(users: MemoryUsers, clock: HeldClock) -> SignIn:
    return SignIn(users=users, hasher=Passwords(), issuer=Tokens(), clock=clock, min_length=12)  # type: ignore[arg-type]


def register(desk: SignIn, device: str | None = None) -> SignedIn:
    return desk.register(email="anna@example.com", password=GOOD, display_name=None, device=device)


def test_length_counts_code_points_after_they_were_composed() -> None:
    """A-03: e and its accent are one character, which is also how it is kept."""
    with pytest.raises(Invalid):
        check("e\u0301" * 6, email="a@b.c", min_length=12)
    check("🙂" * 12, email="a@b.c", min_length=12)


def test_a_suspended_user_is_told_the_same_as_a_stranger(desk: SignIn, users: MemoryUsers) -> None:
    """A-08"""
    anna = register(desk).user
    users._users[anna.id] = replace(anna, status=UserStatus.SUSPENDED)
    with pytest.raises(Unauthorized) as refused:
        desk.login(email="anna@example.com", password=GOOD, device=None)
    assert refused.value.code == "wrong_credentials"
    with pytest.raises(Unauthorized):
        desk.again(anna.id, None)


def test_a_repeat_for_a_user_who_is_gone_is_refused(desk: SignIn) -> None:
    with pytest.raises(Unauthorized):
        desk.again("usr_nobody", None)


def test_each_sign_in_has_a_session_of_its_own_that_keeps_no_token(
    desk: SignIn, users: MemoryUsers, clock: HeldClock
) -> None:
    """A-21, A-22"""
    first = register(desk, device="d" * 500)
    second = desk.again(first.user.id, None)
    kept = [users.session(*signed.access_token.split("/")) for signed in (first, second)]
    assert [session.refresh_hash for session in kept if session] == [
        refresh_hash(signed.refresh_token) for signed in (first, second)
    ]
    assert first.refresh_token != second.refresh_token
    assert kept[0] is not None
    assert (kept[0].expires_at - clock()).days == 30
    assert kept[0].device == "d" * MAX_DEVICE


def test_a_refused_registration_leaves_nobody_behind(desk: SignIn, users: MemoryUsers) -> None:
    for email, password in (("anna@example.com", "short"), ("no address", GOOD)):
        with pytest.raises(Invalid):
            desk.register(email=email, password=password, display_name=None, device=None)
    assert users.by_email("anna@example.com") is None

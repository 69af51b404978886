"""What a sign-in leaves behind, and who may no longer log in."""

from __future__ import annotations

from dataclasses import replace

import pytest

from antiphon.identity import refresh_tokens
from antiphon.identity.model import UserStatus
from antiphon.identity.passwords import check
from antiphon.identity.sign_in import MAX_DEVICE, Device
from antiphon.platform.errors import Invalid, Unauthorized
from tests.unit.conftest import HeldClock
from tests.unit.identity.conftest import GOOD, HERE, House


def test_length_counts_code_points_after_they_were_composed() -> None:
    """A-03: e and its accent are one character, which is also how it is kept."""
    with pytest.raises(Invalid):
        check("e\u0301" * 6, email="a@b.c", min_length=12)
    check("🙂" * 12, email="a@b.c", min_length=12)


def test_a_suspended_user_is_told_the_same_as_a_stranger(house: House) -> None:
    """A-08"""
    anna = house.register().user
    house.users._users[anna.id] = replace(anna, status=UserStatus.SUSPENDED)
    with pytest.raises(Unauthorized) as refused:
        house.login()
    assert refused.value.code == "wrong_credentials"
    with pytest.raises(Unauthorized):
        house.sign_in.again(anna.id, HERE)


def test_a_repeat_for_a_user_who_is_gone_is_refused(house: House) -> None:
    with pytest.raises(Unauthorized):
        house.sign_in.again("usr_nobody", HERE)


def test_each_sign_in_has_a_session_of_its_own_that_keeps_no_token(house: House, clock: HeldClock) -> None:
    """A-21, A-22"""
    first = house.register(device=Device("d" * 500))
    second = house.sign_in.again(first.user.id, HERE)
    kept = [house.session(signed) for signed in (first, second)]
    assert [session.refresh_hash for session in kept if session] == [
        token.hash for signed in (first, second) if (token := refresh_tokens.parse(signed.refresh_token))
    ]
    assert first.refresh_token != second.refresh_token
    assert kept[0] is not None
    assert (kept[0].expires_at - clock()).days == 30
    assert kept[0].device == "d" * MAX_DEVICE


def test_a_refused_registration_leaves_nobody_behind(house: House) -> None:
    for email, password in (("anna@example.com", "short"), ("no address", GOOD)):
        with pytest.raises(Invalid):
            house.register(email, password)
    assert house.users.by_email("anna@example.com") is None

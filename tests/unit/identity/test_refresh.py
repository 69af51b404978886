"""Refresh tokens: good once, for one client."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest

from antiphon.identity import refresh_tokens
from antiphon.identity.model import UserStatus
from antiphon.identity.sign_in import Device
from antiphon.platform.errors import Unauthorized
from tests.unit.conftest import HeldClock
from tests.unit.identity.conftest import HERE, House

THERE = Device("laptop", "198.51.100.9", "req_2")


def refused(house: House, token: str, key: str | None = None) -> str:
    with pytest.raises(Unauthorized) as found:
        house.refresh(token, HERE, key)
    return found.value.code


def test_each_exchange_gives_another_token_for_the_same_session(house: House, clock: HeldClock) -> None:
    """A-21, A-22: thirty days from the login, however often it is used."""
    first = house.register()
    before = house.session(first)
    clock.move(days=1)
    second = house.refresh(first.refresh_token, THERE)
    after = house.session(second)
    assert before is not None
    assert after is not None
    assert second.refresh_token != first.refresh_token
    assert second.access_token == first.access_token
    assert (after.created_at, after.expires_at) == (before.created_at, before.expires_at)
    assert (after.used_at, after.device, after.address) == (clock(), "laptop", "198.51.100.9")
    assert house.refresh(second.refresh_token, THERE).user.id == first.user.id


def test_a_token_has_256_secret_bits_and_the_table_has_none_of_them(house: House) -> None:
    """A-22"""
    found = house.register()
    token = refresh_tokens.parse(found.refresh_token)
    kept = house.session(found)
    assert token is not None
    assert kept is not None
    assert len(token.secret) * 8 == 256
    assert kept.refresh_hash == hashlib.sha256(token.secret).hexdigest()
    assert str(token) == found.refresh_token


def test_a_second_use_ends_the_session_for_both_and_is_told_to_the_owner_once(house: House) -> None:
    """A-23: also for a token two generations old."""
    for generations in (1, 2):
        first = house.register(f"a{generations}@example.com")
        found = first
        for _ in range(generations):
            found = house.refresh(found.refresh_token, HERE)
        house.users.events.clear()
        house.users.entries.clear()
        assert refused(house, first.refresh_token) == "invalid_refresh_token"
        assert refused(house, found.refresh_token) == "invalid_refresh_token"
        assert house.session(found) is None
        assert [(e.type, e.dispatch and e.dispatch.kind) for e in house.users.events] == [
            ("user.session_reused", "mail")
        ]
        assert [dict(e.measured) for e in house.users.events] == [{"ReuseDetected": 1}]
        assert [(e.action, e.outcome) for e in house.users.entries] == [("session.reuse", "ended")]


def test_a_guess_with_a_known_session_ends_nothing(house: House) -> None:
    """Ids of sessions are shown in lists; they must not be enough to sign others out."""
    found = house.register()
    user_id, session_id = found.access_token.split("/")
    assert refused(house, str(refresh_tokens.new(user_id, session_id))) == "invalid_refresh_token"
    assert house.session(found) is not None
    house.refresh.logout(str(refresh_tokens.new(user_id, session_id)))
    assert house.session(found) is not None
    assert house.users.events == []


def test_a_lost_answer_is_given_again_for_a_minute_to_who_has_key_and_token(house: House, clock: HeldClock) -> None:
    """D1"""
    first = house.register()
    second = house.refresh(first.refresh_token, HERE, "k1")
    assert house.refresh(first.refresh_token, HERE, "k1") == second
    clock.move(seconds=59)
    assert house.refresh(first.refresh_token, HERE, "k1") == second
    kept = house.session(second)
    assert kept is not None
    assert kept.replay is not None
    for secret in (second.refresh_token, second.access_token, first.refresh_token):
        assert secret not in repr(kept)


@pytest.mark.parametrize("wrong", ["no key", "another key", "too late", "a generation before"])
def test_whatever_else_comes_twice_is_a_second_use(house: House, clock: HeldClock, wrong: str) -> None:
    """D1: the grace is for the last exchange only, and never for an older generation."""
    first = house.register()
    second = house.refresh(first.refresh_token, HERE, "k1")
    key: str | None = "k1"
    match wrong:
        case "no key":
            key = None
        case "another key":
            key = "k2"
        case "too late":
            clock.move(seconds=60)
        case _:
            house.refresh(second.refresh_token, HERE, "k1")
    assert refused(house, first.refresh_token, key) == "invalid_refresh_token"
    assert house.session(second) is None


@pytest.mark.parametrize("state", ["expired", "suspended", "ended everywhere", "logged out"])
def test_an_ended_session_gives_nothing(house: House, clock: HeldClock, state: str) -> None:
    """A-24"""
    found = house.register()
    match state:
        case "expired":
            clock.move(days=30)
        case "suspended":
            house.users._users[found.user.id] = replace(found.user, status=UserStatus.SUSPENDED)
        case "ended everywhere":
            house.users.end_sessions(found.user.id)
        case _:
            house.refresh.logout(found.refresh_token)
    assert refused(house, found.refresh_token) == "invalid_refresh_token"
    assert house.users.events == []


def test_who_logs_out_is_out_and_others_are_not(house: House) -> None:
    """A-25"""
    phone, laptop = house.register(), house.login(device=THERE)
    for _ in range(2):
        house.refresh.logout(phone.refresh_token)
    assert house.session(phone) is None
    assert house.refresh(laptop.refresh_token, THERE)


def test_an_older_token_of_the_session_logs_out_too(house: House) -> None:
    first = house.register()
    second = house.refresh(first.refresh_token, HERE)
    house.refresh.logout(first.refresh_token)
    assert house.session(second) is None


@pytest.mark.parametrize("text", ["", "rt_", "x", "rt_" + "A" * 107, "rt_" + "é" * 107, "rt_" + "A" * 106, "ap_live_x"])
def test_what_is_no_token_is_refused_by_its_form(house: House, text: str) -> None:
    assert refused(house, text) == "invalid_refresh_token"
    house.refresh.logout(text)

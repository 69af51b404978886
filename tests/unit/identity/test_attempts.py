"""Guessing passwords."""

from __future__ import annotations

from datetime import timedelta

import pytest

from antiphon.identity.attempts import FREE, wait_after
from antiphon.identity.model import email_key
from antiphon.identity.sign_in import Device
from antiphon.platform.errors import TooMany, Unauthorized
from tests.unit.conftest import HeldClock
from tests.unit.identity.conftest import HERE, House


def guess(house: House, email: str = "anna@example.com", device: Device = HERE) -> int:
    """0 for a guess that was looked at, else the seconds to wait."""
    try:
        house.login(email, "wrong", device)
    except TooMany as refused:
        return refused.retry_after or 0
    except Unauthorized:
        return 0
    raise AssertionError("it was right")


@pytest.fixture(autouse=True)
def quick(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Passwords are compared as they are: these tests are about how often."""
    monkeypatch.setattr(house.hasher, "hash", lambda password: password)
    monkeypatch.setattr(house.hasher, "verify", lambda password, known: password == known)
    monkeypatch.setattr(house.hasher, "is_outdated", lambda known: False)


@pytest.mark.parametrize("email", ["anna@example.com", "nobody@example.com"])
def test_after_ten_wrong_ones_each_next_waits_twice_as_long(house: House, clock: HeldClock, email: str) -> None:
    """A-11; the same for an address that nobody has."""
    house.register()
    assert [guess(house, email) for _ in range(FREE)] == [0] * FREE
    waits = []
    for _ in range(13):
        waits.append(guess(house, email))
        clock.move(seconds=waits[-1])
        assert guess(house, email) == 0
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900]


def test_while_one_waits_the_right_password_is_not_looked_at_either(house: House, clock: HeldClock) -> None:
    house.register()
    for _ in range(FREE):
        guess(house)
    with pytest.raises(TooMany) as refused:
        house.login()
    assert refused.value.code == "too_many_attempts"
    clock.move(seconds=1)
    assert house.login()
    assert [guess(house) for _ in range(FREE)] == [0] * FREE, "a right one clears the account"


def test_an_hour_later_it_is_forgotten(house: House, clock: HeldClock) -> None:
    house.register()
    for _ in range(FREE):
        guess(house)
    clock.move(hours=1)
    assert [guess(house) for _ in range(FREE)] == [0] * FREE


def test_a_network_has_its_own_count(house: House, clock: HeldClock) -> None:
    """A-11, A-13: many accounts from one place; neighbours share, others do not."""
    there = Device("x", "192.0.2.200")
    for number in range(40):
        assert guess(house, f"a{number}@example.com") == 0
    assert guess(house, "b@example.com", there) == 1
    assert guess(house, "b@example.com", Device("x", "198.51.100.1")) == 0


def test_right_ones_do_not_count_against_their_network(house: House) -> None:
    house.register()
    for _ in range(100):
        assert house.login()


def test_who_is_right_is_not_waited_for(house: House, clock: HeldClock) -> None:
    """A-11: after a stranger's guesses from the same network each next wrong one waits, but its people do not wait for each other."""
    house.register()
    for number in range(40):
        guess(house, f"a{number}@example.com")
    assert guess(house, "b@example.com") == 1
    clock.move(seconds=1)
    for _ in range(5):
        assert house.login()
    assert guess(house, "b@example.com") == 0
    assert guess(house, "b@example.com") == 2
    clock.move(seconds=2)
    assert house.login()
    assert house.login()


def test_a_new_password_by_mail_begins_anew(house: House) -> None:
    """A-11: nobody can be locked out for good."""
    house.register()
    for _ in range(FREE):
        guess(house)
    house.attempts.clear(email_key("anna@example.com"))
    assert house.login()


def test_the_wait_has_an_upper_end() -> None:
    assert wait_after(9, 10) == timedelta(0)
    assert wait_after(1_000_000, 10) == timedelta(minutes=15)

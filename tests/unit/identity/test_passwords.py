"""How passwords are kept, and that nobody learns from the work done whether an address is known."""

from __future__ import annotations

import hashlib
import re
from importlib import resources
from typing import Any

import pytest
from argon2 import PasswordHasher

from antiphon.identity import passwords
from antiphon.identity.model import User
from antiphon.identity.passwords import Passwords
from antiphon.platform.errors import Invalid, Unauthorized
from tests.unit.conftest import HeldClock
from tests.unit.identity.conftest import GOOD, House

WEAKER = PasswordHasher(time_cost=1, memory_cost=7168, parallelism=1)


class Counted:
    """A hasher that notes what it was asked to do."""

    def __init__(self, real: PasswordHasher) -> None:
        self._real = real
        self.asked: list[str] = []

    def __getattr__(self, name: str) -> Any:
        if name in ("hash", "verify"):
            self.asked.append(name)
        return getattr(self._real, name)


def common() -> list[str]:
    return resources.files("antiphon.identity").joinpath("common_passwords.txt").read_text("utf-8").split()


def test_a_password_is_kept_with_the_first_parameters_of_owasp() -> None:
    """A-01"""
    kept = Passwords().hash(GOOD)
    assert re.match(r"\$argon2id\$v=19\$m=19456,t=2,p=1\$", kept)
    assert kept != Passwords().hash(GOOD), "two users with one password must not look alike"


def test_the_list_of_common_passwords_is_long_and_each_is_refused_in_any_case() -> None:
    """A-05"""
    words = common()
    assert len(words) >= 3000
    for word in words:
        for spelling in (word, word.upper()):
            with pytest.raises(Invalid) as refused:
                passwords.check(spelling, email="anna@example.com", min_length=8)
            assert refused.value.code == "weak_password"


@pytest.mark.parametrize(
    ("password", "email"),
    [
        ("ANTIPHON", "anna@example.com"),
        ("ANNA.SMITHSON@example.com", "anna.smithson@example.com"),
        ("Anna.Smithson", "anna.smithson@example.com"),
        ("STRASSENBAHN", "straßenbahn@example.com"),
        ("ａｎｎａｓｍｉｔｈ", "annasmith@example.com"),
    ],
)
def test_the_address_and_our_name_are_no_passwords_in_any_spelling(password: str, email: str) -> None:
    """A-05"""
    with pytest.raises(Invalid):
        passwords.check(password, email=email, min_length=8)


def test_length_counts_characters_and_bytes_have_a_limit() -> None:
    """A-03, A-04"""
    for fine in ("🎙" * 12, "x" * 1024, "é" * 512):
        passwords.check(fine, email="anna@example.com", min_length=12)
    for bad in ("🎙" * 11, "x" * 1025, "é" * 513):
        with pytest.raises(Invalid):
            passwords.check(bad, email="anna@example.com", min_length=12)


def test_an_unknown_user_costs_as_much_as_a_known_one_from_the_first_call() -> None:
    """A-08: the same work, once, with the same parameters; nothing is made ready when it is first needed."""
    work = []
    for known in (None, Passwords().hash(GOOD)):
        fresh = Passwords()
        counted = Counted(fresh._hasher)
        fresh._hasher = counted  # type: ignore[assignment]
        assert not fresh.verify("another password", known)
        work.append(counted.asked)
    assert work == [["verify"], ["verify"]]
    assert not Passwords().is_outdated(passwords._NOBODY)


def test_nobody_has_the_password_of_nobody() -> None:
    for guess in ("a password that nobody has", "", "x" * 2000):
        assert not Passwords().verify(guess, None)


def test_a_password_beyond_the_limit_is_never_right() -> None:
    """A-04: it is not hashed, and what is compared in its place opens nothing."""
    for kept in (Passwords().hash("x" * 2000), Passwords().hash("")):
        assert not Passwords().verify("x" * 2000, kept)


def test_an_older_hash_is_renewed_at_the_next_login_and_only_then(clock: HeldClock) -> None:
    """A-02"""
    house = House(clock, Passwords())
    house.users.create(User("usr_01ARZ3NDEKTSV4RRFFQ69G5FAV", "anna@example.com", WEAKER.hash(GOOD), house.clock()))

    def kept() -> str:
        found = house.users.get("usr_01ARZ3NDEKTSV4RRFFQ69G5FAV")
        assert found is not None
        return found.password_hash

    old = kept()
    with pytest.raises(Unauthorized):
        house.login(password="wrong")
    assert kept() == old
    house.login()
    renewed = kept()
    assert house.hasher.is_outdated(old)
    assert not house.hasher.is_outdated(renewed)
    house.login()
    assert kept() == renewed


def test_the_fingerprint_of_a_request_with_a_password_is_no_fast_hash() -> None:
    """Whoever reads the table must not test passwords against it faster than against the kept ones."""
    body, hasher = b'{"password": "correct horse battery"}', Passwords()
    made = hasher.fingerprint(body, b"key")
    assert made == hasher.fingerprint(body, b"key")
    assert made != hasher.fingerprint(body, b"other")
    assert made != hasher.fingerprint(body + b" ", b"key")
    assert made != hashlib.sha256(body).digest()
    assert len(made) == 32

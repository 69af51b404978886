from __future__ import annotations

import pytest

from antiphon.identity import passwords
from antiphon.identity.memory import MemoryUsers
from antiphon.identity.model import User, normal_email
from antiphon.identity.passwords import Passwords
from antiphon.identity.sign_in import SignIn
from antiphon.platform.errors import Conflict, Invalid, Unauthorized
from tests.unit.conftest import HeldClock

GOOD = "correct horse battery"


class Tokens:
    """An issuer whose tokens can be read."""

    def access_token(self, user: User, session_id: str) -> str:
        return f"{user.id}/{session_id}"


@pytest.fixture
def desk(clock: HeldClock) -> SignIn:
    return SignIn(users=MemoryUsers(), hasher=Passwords(), issuer=Tokens(), clock=clock, min_length=12)  # type: ignore[arg-type]


def register(desk: SignIn, email: str = "anna@example.com", password: str = GOOD, seed: str | None = None) -> str:
    return desk.register(email=email, password=password, display_name="Anna", device="test", seed=seed).user.id


def test_who_registered_can_log_in_with_any_spelling_of_the_address(desk: SignIn) -> None:
    """A-10"""
    anna = register(desk)
    found = desk.login(email=" ANNA@Example.com ", password=GOOD, device=None)
    assert found.user.id == anna
    assert found.refresh_token.startswith("rt_")
    assert len(found.refresh_token) > 40


def test_an_address_has_one_user(desk: SignIn) -> None:
    register(desk)
    with pytest.raises(Conflict) as refused:
        register(desk, "Anna@example.COM")
    assert refused.value.code == "email_taken"


def test_a_repeated_registration_is_the_same_user(desk: SignIn) -> None:
    seed = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
    assert register(desk, seed=seed) == register(desk, seed=seed) == f"usr_{seed}"
    assert desk.again(f"usr_{seed}", None).user.email == "anna@example.com"


@pytest.mark.parametrize(("email", "password"), [("anna@example.com", "wrong"), ("nobody@example.com", GOOD)])
def test_unknown_and_wrong_are_told_alike(desk: SignIn, email: str, password: str) -> None:
    """A-08"""
    register(desk)
    with pytest.raises(Unauthorized) as refused:
        desk.login(email=email, password=password, device=None)
    assert refused.value.code == "wrong_credentials"


def test_every_character_of_a_password_counts(desk: SignIn) -> None:
    """A-03: not cut, not trimmed, and the same however it is composed."""
    register(desk, password="e\u0301" + "x" * 80 + "1 ")
    assert desk.login(email="anna@example.com", password="\u00e9" + "x" * 80 + "1 ", device=None)
    with pytest.raises(Unauthorized):
        desk.login(email="anna@example.com", password="\u00e9" + "x" * 80 + "2 ", device=None)


@pytest.mark.parametrize(
    "password", ["short", "x" * 1025, "Anna@Example.com", "password1234" * 0 + "1234567890", "\ud800" * 20]
)
def test_weak_passwords_are_refused_with_what_to_do(password: str) -> None:
    """A-03, A-04, A-05"""
    with pytest.raises(Invalid) as refused:
        passwords.check(password, email="anna@example.com", min_length=10)
    assert refused.value.fields[0].field == "password"


@pytest.mark.parametrize("password", ["all lower case words", "ünïcödé🙂🙂🙂🙂🙂🙂", "x" * 64 + "y"])
def test_no_kind_of_character_is_asked_for(password: str) -> None:
    """A-06"""
    passwords.check(password, email="anna@example.com", min_length=12)


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("A@X.com", "a@x.com"),
        (" a@x.com\n", "a@x.com"),
        ("a.b+c@gmail.com", "a.b+c@gmail.com"),
        ("a@bücher.example", "a@xn--bcher-kva.example"),
    ],
)
def test_addresses_have_one_spelling(text: str, normal: str) -> None:
    """A-10"""
    assert normal_email(text) == normal


@pytest.mark.parametrize(
    "text", ["", "@", "a@", "@b.c", "a@b", "a b@c.d", "a\r\nBcc: x@y.z@c.d", "a@" + "b" * 260 + ".c", "a@b..c"]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    """A-10"""
    with pytest.raises(Invalid):
        normal_email(text)

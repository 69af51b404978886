from __future__ import annotations

import pytest

from antiphon.identity import passwords
from antiphon.identity.model import normal_email
from antiphon.platform.errors import Conflict, Invalid, Unauthorized
from tests.unit.identity.conftest import GOOD, HERE, House


def test_who_registered_can_log_in_with_any_spelling_of_the_address(house: House) -> None:
    """A-10"""
    anna = house.register().user.id
    found = house.login(" ANNA@Example.com ", GOOD)
    assert found.user.id == anna
    assert found.refresh_token.startswith("rt_")
    assert len(found.refresh_token) > 40


def test_an_address_has_one_user(house: House) -> None:
    house.register()
    with pytest.raises(Conflict) as refused:
        house.register("Anna@example.COM")
    assert refused.value.code == "email_taken"


def test_a_repeated_registration_is_the_same_user(house: House) -> None:
    seed = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
    assert house.register(seed=seed).user.id == house.register(seed=seed).user.id == f"usr_{seed}"
    assert house.sign_in.again(f"usr_{seed}", HERE).user.email == "anna@example.com"


@pytest.mark.parametrize(("email", "password"), [("anna@example.com", "wrong"), ("nobody@example.com", GOOD)])
def test_unknown_and_wrong_are_told_alike(house: House, email: str, password: str) -> None:
    """A-08"""
    house.register()
    with pytest.raises(Unauthorized) as refused:
        house.login(email, password)
    assert refused.value.code == "wrong_credentials"


def test_every_character_of_a_password_counts(house: House) -> None:
    """A-03: not cut, not trimmed, and the same however it is composed."""
    house.register(password="e\u0301" + "x" * 80 + "1 ")
    assert house.login("anna@example.com", "\u00e9" + "x" * 80 + "1 ")
    with pytest.raises(Unauthorized):
        house.login("anna@example.com", "\u00e9" + "x" * 80 + "2 ")


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

"""API keys: their form, their life."""

from __future__ import annotations

import string
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from antiphon.identity import api_keys
from antiphon.identity.admit import Admit, Admitted
from antiphon.identity.api_keys import MAX_KEYS, ApiKeys, Made, has_form, new_key
from antiphon.identity.model import UserStatus
from antiphon.platform.errors import Conflict, Invalid, NotFound, Unauthorized
from tests.unit.conftest import HeldClock
from tests.unit.identity.conftest import House

SCOPES = ("transcriptions:read", "transcriptions:write", "speech:read", "chat:write")


@pytest.fixture
def keys(house: House) -> ApiKeys:
    return ApiKeys(keys=house.keys, clock=house.clock, scopes=SCOPES, unpriced={"chat:write"})


@pytest.fixture
def anna(house: House) -> str:
    return house.register().user.id


def made(keys: ApiKeys, user_id: str, **changes: Any) -> Made:
    wanted = {"name": "ci", "scopes": ["speech:read"], "expires_at": None} | changes
    return keys.create(user_id, **wanted)


def admit(house: House, key: str) -> Admitted:
    door = Admit(verifier=None, users=house.users, sessions=house.users, keys=house.keys, clock=house.clock)  # type: ignore[arg-type]
    return door(f"Bearer {key}")


def test_a_key_has_160_random_bits_and_a_checksum() -> None:
    """A-37"""
    found = {new_key() for _ in range(50)}
    assert len(found) == 50
    for key in found:
        assert key.startswith("ap_live_")
        assert len(key) == len("ap_live_") + 27 + 6
        assert 62**27 > 2**160
        assert has_form(key)
        for at in (8, 20, len(key) - 1):
            other = next(c for c in string.ascii_letters if c != key[at])
            assert not has_form(key[:at] + other + key[at + 1 :])


@pytest.mark.parametrize("text", ["", "ap_live_", "ap_live_" + "é" * 33, "ap_live_" + "0" * 32, "ap_test_" + "0" * 33])
def test_other_texts_have_not_the_form_of_a_key(text: str) -> None:
    assert not has_form(text)


def test_a_key_with_a_typing_error_costs_no_read(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """A-37"""
    monkeypatch.setattr(house.keys, "by_hash", lambda key_hash: pytest.fail("the table was read"))
    with pytest.raises(Unauthorized):
        admit(house, new_key()[:-1] + "_")


def test_a_key_lets_its_owner_in_with_its_scopes(house: House, keys: ApiKeys, anna: str) -> None:
    found = made(keys, anna, scopes=["transcriptions:write", "speech:read", "speech:read"])
    here = admit(house, found.key)
    assert (here.user_id, here.key_id, here.session_id) == (anna, found.record.id, "")
    assert here.scopes == "speech:read transcriptions:write"
    assert found.record.prefix == found.key[:12]
    assert found.key not in repr(house.keys._keys)


@pytest.mark.parametrize("state", ["expired", "revoked", "suspended", "unknown"])
def test_a_key_that_has_ended_is_refused(house: House, keys: ApiKeys, anna: str, clock: HeldClock, state: str) -> None:
    """A-39, A-40"""
    key = made(keys, anna, expires_at=clock() + timedelta(hours=1)).key
    match state:
        case "expired":
            clock.move(hours=1)
        case "revoked":
            keys.revoke(anna, keys.page(anna, 20).items[0].id)
        case "suspended":
            house.users._users[anna] = replace(house.users._users[anna], status=UserStatus.SUSPENDED)
        case _:
            key = new_key()
    with pytest.raises(Unauthorized):
        admit(house, key)


def test_the_last_use_is_true_to_five_minutes_without_a_write_per_call(
    house: House, keys: ApiKeys, anna: str, clock: HeldClock
) -> None:
    """A-39"""
    key = made(keys, anna).key
    started = clock()
    for _ in range(120):
        admit(house, key)
        clock.move(seconds=5)
    assert house.keys.touched == 2
    assert keys.page(anna, 20).items[0].used_at == started + timedelta(minutes=5)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"scopes": []}, "scopes"),
        ({"scopes": ["admin:write"]}, "scopes"),
        ({"expires_at": "now"}, "expires_at"),
    ],
    ids=str,
)
def test_a_key_that_cannot_be_is_refused(keys: ApiKeys, anna: str, clock: HeldClock, change: Any, field: str) -> None:
    """A-38: no scope beyond those there are."""
    with pytest.raises(Invalid) as refused:
        made(keys, anna, **{k: clock() if v == "now" else v for k, v in change.items()})
    assert refused.value.fields[0].field == field
    assert keys.page(anna, 20).items == ()


def test_a_repeat_gives_the_same_record_another_key_and_ends_the_lost_one(
    house: House, keys: ApiKeys, anna: str
) -> None:
    seed = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
    first, second = made(keys, anna, seed=seed), made(keys, anna, seed=seed)
    assert first.record.id == second.record.id == f"key_{seed}"
    assert len(keys.page(anna, 20).items) == 1
    assert admit(house, second.key).user_id == anna
    with pytest.raises(Unauthorized):
        admit(house, first.key)


def test_keys_belong_to_their_user(house: House, keys: ApiKeys, anna: str) -> None:
    """A-41"""
    ben = house.register("ben@example.com").user.id
    found = made(keys, anna)
    with pytest.raises(NotFound):
        keys.revoke(ben, found.record.id)
    assert keys.page(ben, 20).items == ()
    assert admit(house, found.key)


def test_an_account_has_so_many_keys_and_no_more(keys: ApiKeys, anna: str) -> None:
    for number in range(MAX_KEYS):
        made(keys, anna, name=str(number))
    with pytest.raises(Conflict) as refused:
        made(keys, anna)
    assert refused.value.code == "too_many_keys"
    assert api_keys.MAX_KEYS == 100


def test_a_key_carries_its_budget_to_whoever_counts(house: House, keys: ApiKeys, anna: str) -> None:
    assert admit(house, made(keys, anna, budget=5_000_000).key).budget == 5_000_000
    assert admit(house, made(keys, anna).key).budget is None


def test_a_key_with_a_budget_may_do_nothing_that_no_budget_counts(keys: ApiKeys, anna: str) -> None:
    """PEERS 8"""
    with pytest.raises(Invalid) as refused:
        made(keys, anna, scopes=["chat:write", "speech:read"], budget=1)
    assert [field.field for field in refused.value.fields] == ["scopes"]
    assert "chat:write" in refused.value.fields[0].detail
    assert made(keys, anna, scopes=["chat:write"]).record.budget is None

"""T-03: the fake and the real store of API keys pass one suite."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from antiphon.identity.dynamo import DynamoKeys, DynamoUsers
from antiphon.identity.memory import MemoryKeys, MemoryUsers
from antiphon.identity.model import ApiKey, User, UserStatus
from antiphon.identity.ports import Changed

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@dataclass
class Stores:
    users: MemoryUsers | DynamoUsers
    keys: MemoryKeys | DynamoKeys


@pytest.fixture(params=["memory", "dynamo"])
def stores(request: pytest.FixtureRequest) -> Stores:
    if request.param == "memory":
        users = MemoryUsers()
        made = Stores(users, MemoryKeys(users))
    else:
        table = request.getfixturevalue("table")
        made = Stores(DynamoUsers(table), DynamoKeys(table))
    made.users.create(User("usr_1", "anna@example.com", "x", NOW))
    return made


def key(number: int = 1, **changes: Any) -> ApiKey:
    made = ApiKey(
        f"key_{number}",
        "usr_1",
        "ci",
        "ap_live_abcd",
        f"hash{number}",
        ("a:read", "b:write"),
        NOW,
        NOW + timedelta(days=9),
    )
    return replace(made, **changes)


def test_a_key_is_found_by_id_and_by_hash(stores: Stores) -> None:
    stores.keys.create(key())
    stores.keys.create(key())  # its answer was lost
    assert stores.keys.get("usr_1", "key_1") == stores.keys.by_hash("hash1") == key()
    assert stores.keys.get("usr_2", "key_1") is None
    assert stores.keys.by_hash("hash2") is None


def test_a_key_without_an_end_stays_so(stores: Stores) -> None:
    stores.keys.create(key(expires_at=None))
    assert stores.keys.by_hash("hash1") == key(expires_at=None)


@pytest.mark.parametrize("user", ["gone", "suspended"])
def test_no_key_is_made_for_who_may_not_come_in(stores: Stores, user: str) -> None:
    if user == "suspended":
        stores.users.create(User("usr_2", "ben@example.com", "x", NOW, status=UserStatus.SUSPENDED))
    with pytest.raises(Changed):
        stores.keys.create(key(user_id="usr_2"))
    assert stores.keys.by_hash("hash1") is None


def test_keys_are_listed_newest_first_with_their_last_use(stores: Stores) -> None:
    for number in range(1, 4):
        stores.keys.create(key(number))
    stores.keys.touch(key(2), NOW)
    first = stores.keys.page("usr_1", 2)
    assert [(k.id, k.used_at) for k in first.items] == [("key_3", None), ("key_2", NOW)]
    assert [k.id for k in stores.keys.page("usr_1", 2, first.position).items] == ["key_1"]


def test_a_key_that_was_deleted_stays_so(stores: Stores) -> None:
    stores.keys.create(key())
    for _ in range(2):
        stores.keys.delete(key())
    stores.keys.touch(key(), NOW)
    assert stores.keys.by_hash("hash1") is None
    assert stores.keys.page("usr_1", 9).items == ()


def test_a_record_gets_another_key_and_the_first_ends(stores: Stores) -> None:
    stores.keys.create(key())
    after = key(hash="hash9", prefix="ap_live_zzzz")
    for _ in range(2):
        stores.keys.replace(key(), after) if stores.keys.get("usr_1", "key_1") != after else None
    assert stores.keys.by_hash("hash1") is None
    assert stores.keys.by_hash("hash9") == stores.keys.get("usr_1", "key_1") == after
    with pytest.raises(Changed):
        stores.keys.replace(key(), key(hash="hash7"))

from __future__ import annotations

from dataclasses import replace

import pytest

from antiphon.identity.administer import Administer, By, Wish
from antiphon.identity.model import User, UserStatus
from antiphon.identity.ports import Changed
from antiphon.platform.audit import Entry
from antiphon.platform.errors import Conflict, NotFound, Unauthorized, Unavailable
from tests.unit.conftest import HeldClock
from tests.unit.identity.conftest import HERE, House

ADMIN = By("usr_admin", "192.0.2.1", "req_9")


@pytest.fixture
def administer(house: House, clock: HeldClock) -> Administer:
    return Administer(users=house.users, clock=clock)


def test_who_is_suspended_is_signed_out_and_comes_back_only_by_signing_in(administer: Administer, house: House) -> None:
    """A-24, A-40, A-47"""
    anna = house.register()
    gone = administer.change(ADMIN, anna.user.id, Wish(status=UserStatus.SUSPENDED))
    assert gone.status is UserStatus.SUSPENDED
    for attempt in (house.login, lambda: house.refresh(anna.refresh_token, HERE)):
        with pytest.raises(Unauthorized):
            attempt()
    entry = house.users.entries[-1]
    assert (entry.user_id, entry.actor, entry.target) == (anna.user.id, "usr_admin", anna.user.id)
    assert (entry.outcome, entry.address, entry.request_id) == ("status active to suspended", "192.0.2.1", "req_9")
    administer.change(ADMIN, anna.user.id, Wish(status=UserStatus.ACTIVE))
    with pytest.raises(Unauthorized):
        house.refresh(anna.refresh_token, HERE)
    assert house.login()


def test_another_tier_signs_nobody_out(administer: Administer, house: House) -> None:
    anna = house.register()
    assert administer.change(ADMIN, anna.user.id, Wish(tier="premium", role="admin")).tier == "premium"
    assert house.refresh(anna.refresh_token, HERE).user.role == "admin"
    assert house.users.entries[-1].outcome == "tier free to premium, role user to admin"


def test_what_changes_nothing_leaves_no_entry(administer: Administer, house: House) -> None:
    anna = house.register().user
    assert administer.change(ADMIN, anna.id, Wish(tier="free")) == anna
    assert house.users.entries == []


@pytest.mark.parametrize("wish", [Wish(role="user"), Wish(status=UserStatus.SUSPENDED)])
def test_nobody_takes_their_own_rights_or_account_away(administer: Administer, house: House, wish: Wish) -> None:
    anna = house.register().user
    house.users._users[anna.id] = replace(anna, role="admin")
    with pytest.raises(Conflict) as refused:
        administer.change(By(anna.id), anna.id, wish)
    assert refused.value.code == "own_account"
    assert administer.change(By(anna.id), anna.id, Wish(tier="premium")).tier == "premium"


def test_an_account_on_its_way_out_does_not_come_back(administer: Administer, house: House) -> None:
    anna = house.register().user
    house.users._users[anna.id] = replace(anna, status=UserStatus.ERASING)
    with pytest.raises(Conflict) as refused:
        administer.change(ADMIN, anna.id, Wish(status=UserStatus.ACTIVE))
    assert refused.value.code == "erasing"
    with pytest.raises(NotFound):
        administer.change(ADMIN, "usr_nobody", Wish(tier="premium"))


def test_all_devices_are_signed_out(administer: Administer, house: House) -> None:
    """A-25"""
    anna = house.register()
    administer.end_sessions(ADMIN, anna.user.id)
    with pytest.raises(Unauthorized):
        house.refresh(anna.refresh_token, HERE)
    assert house.users.entries[-1].outcome == "sessions ended"
    assert house.login()


def test_people_are_found_by_their_address(administer: Administer, house: House) -> None:
    anna = house.register().user
    assert administer.find(" ANNA@example.com ", 10).items == (anna,)
    assert administer.find("ben@example.com", 10).items == ()
    assert administer.find(None, 10).items == (anna,)


def test_a_change_that_meets_another_is_tried_again_and_not_for_ever(
    administer: Administer, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    anna = house.register().user
    real, others = house.users.administer, ["premium"]

    def between(before: User, after: User, entry: Entry) -> None:
        if others:
            house.users._users[anna.id] = replace(anna, tier=others.pop())
        real(before, after, entry)

    monkeypatch.setattr(house.users, "administer", between)
    found = administer.change(ADMIN, anna.id, Wish(role="admin"))
    assert (found.tier, found.role) == ("premium", "admin")

    def never(*_: object) -> None:
        raise Changed

    monkeypatch.setattr(house.users, "administer", never)
    for act in (
        lambda: administer.change(ADMIN, anna.id, Wish(role="user")),
        lambda: administer.end_sessions(ADMIN, anna.id),
    ):
        with pytest.raises(Unavailable):
            act()

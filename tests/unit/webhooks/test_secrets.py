"""W-02, W-06, D8: how secrets are made, kept and rotated, over the stores in memory and a clock that stands still."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from antiphon.platform.errors import Conflict
from antiphon.webhooks.guard import Guard
from antiphon.webhooks.manage import Endpoints
from antiphon.webhooks.memory import MemoryDeliveryQueue, MemoryDeliveryStore, MemoryEndpointStore, MemoryVault
from antiphon.webhooks.model import MAX_SECRETS, Endpoint, place_of, signing
from antiphon.webhooks.secrets import AccountSecret, Secrets, until_written
from tests.unit.conftest import HeldClock

USER, OTHER = "usr_01", "usr_02"


@dataclass
class Desk:
    clock: HeldClock

    def __post_init__(self) -> None:
        self.store = MemoryEndpointStore()
        self.secrets = Secrets(MemoryVault(), self.clock)
        deliveries, queue = MemoryDeliveryStore(), MemoryDeliveryQueue()
        self.endpoints = Endpoints(self.store, self.secrets, deliveries, queue, Guard(), self.clock)
        self.account = AccountSecret(self.store, self.secrets)

    def new(self, seed: str | None = None) -> tuple[Endpoint, str]:
        return self.endpoints.create(USER, "https://hooks.example.com", ("*",), seed=seed)

    def signs(self, endpoint: Endpoint) -> tuple[str, ...]:
        now = self.endpoints.get(USER, endpoint.id)
        return self.secrets.texts(now.secrets, place_of(USER, now.id))


@pytest.fixture
def desk(clock: HeldClock) -> Desk:
    return Desk(clock)


def test_both_sign_for_a_day_then_only_the_new_one(desk: Desk) -> None:
    """W-06."""
    endpoint, old = desk.new()
    _, new = desk.endpoints.rotate(USER, endpoint.id)
    assert desk.signs(endpoint) == (new, old)
    desk.clock.move(hours=23, minutes=59)
    assert desk.signs(endpoint) == (new, old)
    _, newest = desk.endpoints.rotate(USER, endpoint.id)
    assert desk.signs(endpoint) == (newest, new, old)
    desk.clock.move(minutes=1)
    assert desk.signs(endpoint) == (newest, new)
    desk.clock.move(hours=24)
    assert desk.signs(endpoint) == (newest,)


def test_without_the_overlap_the_old_one_ends_at_once(desk: Desk) -> None:
    endpoint, _ = desk.new()
    desk.endpoints.rotate(USER, endpoint.id)
    _, new = desk.endpoints.rotate(USER, endpoint.id, keep_old=False)
    assert desk.signs(endpoint) == (new,)


def test_an_eleventh_open_secret_is_refused_until_one_has_ended(desk: Desk) -> None:
    """W-06."""
    endpoint, _ = desk.new()
    for _ in range(MAX_SECRETS - 1):
        desk.endpoints.rotate(USER, endpoint.id)
    assert len(desk.signs(endpoint)) == 10
    with pytest.raises(Conflict) as refused:
        desk.endpoints.rotate(USER, endpoint.id)
    assert refused.value.code == "too_many_secrets"
    assert len(desk.signs(endpoint)) == 10
    desk.clock.move(hours=24)
    desk.endpoints.rotate(USER, endpoint.id)
    kept = desk.endpoints.get(USER, endpoint.id).secrets
    assert len(kept) == len(signing(kept, desk.clock())) == 2


def test_a_repeated_rotation_gives_the_same_secret_and_rotates_once(desk: Desk) -> None:
    """Q-20."""
    endpoint, first = desk.new(seed="01JD00000000000000000000AA")
    assert desk.new(seed="01JD00000000000000000000AA")[1] == first
    new = {desk.endpoints.rotate(USER, endpoint.id, seed="01JD00000000000000000000BB")[1] for _ in range(3)}
    assert len(new) == 1
    assert len(desk.signs(endpoint)) == 2
    assert desk.new(seed="01JD00000000000000000000AA")[1] == first


def test_what_is_kept_does_not_show_the_secret(desk: Desk) -> None:
    """W-02."""
    endpoint, text = desk.new()
    (kept,) = desk.endpoints.get(USER, endpoint.id).secrets
    assert text not in repr(endpoint) + kept.sealed + kept.hint
    assert kept.hint.startswith("whsec_")
    assert len(kept.hint) == 11
    with pytest.raises(ValueError, match="another place"):
        desk.secrets.texts((kept,), place_of(OTHER, endpoint.id))


def test_a_rotation_and_a_change_at_the_same_moment_both_hold(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    endpoint, old = desk.new()
    replace_, interrupted = desk.store.replace, []

    def overtaken(before: Endpoint, after: Endpoint) -> bool:
        if not interrupted:
            interrupted.append(True)
            desk.endpoints.rotate(USER, endpoint.id)
        return replace_(before, after)

    monkeypatch.setattr(desk.store, "replace", overtaken)
    _, new = desk.endpoints.rotate(USER, endpoint.id)
    assert len(desk.signs(endpoint)) == 3
    assert (desk.signs(endpoint)[0], desk.signs(endpoint)[2]) == (new, old)


def test_the_secret_of_an_account_stays_until_it_is_rotated(desk: Desk) -> None:
    """D8."""
    _, first = desk.account.get(USER)
    assert desk.account.get(USER)[1] == first
    assert desk.account.get(OTHER)[1] != first
    keyring, second = desk.account.rotate(USER, "01JD00000000000000000000AA")
    assert desk.account.rotate(USER, "01JD00000000000000000000AA")[1] == second
    assert desk.account.texts(USER) == (second, first)
    assert keyring.secrets[1].until is not None
    desk.clock.move(hours=24)
    assert desk.account.texts(USER) == (second,)


def test_who_always_comes_too_late_is_told_so() -> None:
    with pytest.raises(Conflict) as refused:
        until_written(lambda: None)
    assert refused.value.code == "changed_meanwhile"

"""The use cases with stores in memory; waiting moves the clock."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from antiphon.devices.command import MAX_WAIT, POLL_EVERY, Commands
from antiphon.devices.manage import Devices, Wish
from antiphon.devices.memory import MemoryCommands, MemoryDevices
from antiphon.devices.model import MAX_DEVICES, MAX_OPEN, Capability, Device, Origin, Outcome, Status
from antiphon.identity.api_keys import has_form, key_hash
from antiphon.platform.errors import Conflict, Invalid, NotFound
from antiphon.platform.ids import new_id
from tests.unit.conftest import HeldClock

TEXT = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}
NOTIFY = Capability("notify", TEXT)
SEND = Capability("send_intent", TEXT, sensitive=True)
DONE = Outcome(Status.SUCCEEDED, {"shown": True})
ULID = "01ARZ3NDEKTSV4RRFFQ69G5FAV"


class House:
    """A user with a phone. ``meanwhile``: happens in each wait."""

    def __init__(self, clock: HeldClock) -> None:
        self.clock = clock
        self.stored = MemoryDevices()
        self.store = MemoryCommands(self.stored)
        self.devices = Devices(self.stored, clock)
        self.commands = Commands(self.stored, self.store, clock, self._pause)
        self.waits: list[float] = []
        self.meanwhile: Callable[[], Any] = lambda: None
        self.registered = self.devices.register("usr_1", "Phone", "android", (NOTIFY, SEND))
        self.phone: Device = self.registered.device

    def _pause(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.clock.move(seconds=seconds)
        self.meanwhile()

    def send(self, text: str = "Tea.", action: str = "notify", **options: Any) -> Any:
        # Ids are made of the moment: one moment later each.
        self.clock.move(milliseconds=1)
        return self.commands.send("usr_1", self.phone.id, action, {"text": text}, **options)

    def take(self, wait: float = 0, limit: int = 20) -> list[Any]:
        return [c.arguments["text"] for c in self.commands.take("usr_1", self.phone.id, wait=wait, limit=limit)]


@pytest.fixture
def house(clock: HeldClock) -> House:
    return House(clock)


def test_the_key_is_shown_once_and_kept_as_its_hash(house: House) -> None:
    assert has_form(house.registered.key)
    assert house.stored.keys == {key_hash(house.registered.key): house.phone.id}
    assert house.registered.key not in repr(house.stored.get("usr_1", house.phone.id))


def test_a_repeated_registration_is_the_same_device_with_a_new_key(house: House) -> None:
    first, second = (house.devices.register("usr_1", "Tablet", "ios", (NOTIFY,), ULID) for _ in range(2))
    assert first.device.id == second.device.id
    assert first.key != second.key
    assert key_hash(first.key) not in house.stored.keys
    assert len(house.devices.all("usr_1")) == 2


def test_a_user_has_so_many_devices(house: House) -> None:
    for _ in range(MAX_DEVICES - 1):
        house.devices.register("usr_1", "Phone", "android", (NOTIFY,))
    with pytest.raises(Conflict) as refused:
        house.devices.register("usr_1", "Phone", "android", (NOTIFY,))
    assert refused.value.code == "too_many_devices"


@pytest.mark.parametrize(
    ("capabilities", "field"),
    [
        ((NOTIFY, NOTIFY), "capabilities.1.action"),
        ((), "capabilities"),
        ((NOTIFY, Capability("tap", {"type": "array"})), "capabilities.1.parameters.type"),
        (tuple(Capability(f"a{n}", {**TEXT, "description": "x" * 15_000}) for n in range(5)), "capabilities"),
    ],
)
def test_what_is_declared_badly_is_named(house: House, capabilities: tuple[Capability, ...], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        house.devices.register("usr_1", "Phone", "android", capabilities)
    assert refused.value.fields[0].field == field


def test_a_device_cannot_talk_itself_out_of_the_users_yes(house: House) -> None:
    mild = Capability("send_intent", TEXT)
    for wanted in ((mild,), (NOTIFY,), (NOTIFY, mild)):
        changed = house.devices.change("usr_1", house.phone.id, Wish(capabilities=wanted), by_itself=True)
    assert changed.capability("send_intent") == SEND
    assert house.send(action="send_intent", origin=Origin.RUN).status is Status.AWAITING_CONFIRMATION
    changed = house.devices.change("usr_1", house.phone.id, Wish(capabilities=(mild,)))
    assert changed.capability("send_intent") == mild, "its user can lift it"


def test_arguments_are_held_against_what_the_device_declared(house: House) -> None:
    with pytest.raises(Invalid) as refused:
        house.commands.send("usr_1", house.phone.id, "notify", {"text": 1})
    assert refused.value.fields[0].field == "arguments.text"
    with pytest.raises(Invalid) as refused:
        house.commands.send("usr_1", house.phone.id, "dance", {})
    assert refused.value.fields[0].field == "action"
    assert "notify, send_intent" in refused.value.fields[0].detail
    assert house.store.events == []


def test_commands_come_in_the_order_in_which_they_were_sent(house: House) -> None:
    for text in ("1", "2", "3"):
        house.send(text)
    assert house.take(limit=2) == ["1", "2"]
    assert house.take() == ["3"]
    assert house.take() == []


def test_a_poll_ends_as_soon_as_there_is_a_command(house: House) -> None:
    house.meanwhile = lambda: house.send("now") if len(house.waits) == 3 else None
    assert house.take(wait=20) == ["now"]
    assert house.waits == [POLL_EVERY] * 3


def test_an_idle_poll_looks_seldom_and_ends(house: House) -> None:
    assert house.take(wait=1_000) == []
    assert sum(house.waits) == pytest.approx(MAX_WAIT)
    assert len(house.waits) < 30


def test_what_is_not_answered_is_handed_out_again_until_it_expires(house: House) -> None:
    house.send(expires_in=70)
    times = 0
    for _ in range(20):
        times += len(house.take())
        house.clock.move(seconds=5)
    assert times == 3, "at 0, 30 and 60 seconds"
    (entry,) = house.commands.page("usr_1", house.phone.id, None, 10).items
    assert (entry.status, entry.deliveries) == (Status.EXPIRED, 3)
    assert house.store.due(house.phone.id) == [], "and nothing is left to look at"


def test_what_is_acknowledged_is_handed_out_once(house: House) -> None:
    command = house.send()
    house.take()
    for _ in range(2):
        assert house.commands.acknowledge("usr_1", house.phone.id, command.id).status is Status.ACKNOWLEDGED
    house.clock.move(seconds=31)
    assert house.take() == []
    assert house.commands.finish("usr_1", house.phone.id, command.id, DONE).status is Status.SUCCEEDED


def test_a_result_said_twice_is_one_change(house: House) -> None:
    command = house.send()
    house.take()
    answers = [house.commands.finish("usr_1", house.phone.id, command.id, DONE) for _ in range(2)]
    assert answers[0] == answers[1]
    assert [e.type for e in house.store.events] == ["device.command.pending", "device.command.succeeded"]


def test_a_sensitive_command_of_a_run_waits_for_the_users_yes(house: House) -> None:
    command = house.send(action="send_intent", origin="run", run_id="run_1")
    assert (command.origin, command.status) == (Origin.RUN, Status.AWAITING_CONFIRMATION)
    assert house.take() == []
    assert command.run_id == "run_1"
    house.commands.confirm("usr_1", house.phone.id, command.id)
    assert house.take() == ["Tea."]
    assert [e.type for e in house.store.events] == ["device.command.awaiting_confirmation", "device.command.pending"]


def test_the_users_own_command_waits_only_where_he_asks_for_it(house: House) -> None:
    assert house.send(action="send_intent").status is Status.PENDING
    assert house.send(confirm=True).status is Status.AWAITING_CONFIRMATION


def test_a_yes_that_does_not_come_lets_the_command_lapse(house: House) -> None:
    command = house.send(confirm=True)
    house.clock.move(minutes=5)
    assert house.take() == []
    with pytest.raises(Conflict) as refused:
        house.commands.confirm("usr_1", house.phone.id, command.id)
    assert refused.value.code == "command_expired"
    assert house.commands.get("usr_1", house.phone.id, command.id).status is Status.EXPIRED


def test_a_step_of_a_run_that_is_repeated_sends_one_command_and_never_another(house: House) -> None:
    first, again = (house.send(seed=ULID, origin=Origin.RUN) for _ in range(2))
    assert first == again
    with pytest.raises(Conflict) as refused:
        house.send("Coffee.", seed=ULID, origin=Origin.RUN)
    assert refused.value.code == "command_mismatch"
    assert house.take() == ["Tea."]


def test_so_many_commands_may_wait_and_expired_ones_do_not_count(house: House) -> None:
    for _ in range(MAX_OPEN):
        house.send(expires_in=60)
    with pytest.raises(Conflict) as refused:
        house.send()
    assert refused.value.code == "too_many_commands"
    house.clock.move(seconds=61)
    assert house.send().status is Status.PENDING
    assert len(house.store.due(house.phone.id)) == 1


def test_a_canceled_command_is_not_handed_out_and_its_answer_is_not_taken(house: House) -> None:
    command = house.send()
    house.take()
    for _ in range(2):
        assert house.commands.cancel("usr_1", house.phone.id, command.id).status is Status.CANCELED
    house.clock.move(seconds=31)
    assert house.take() == []
    with pytest.raises(Conflict) as refused:
        house.commands.finish("usr_1", house.phone.id, command.id, DONE)
    assert refused.value.code == "command_ended"


def test_the_log_is_newest_first_in_pages_and_by_status(house: House) -> None:
    sent = [house.send(str(n), expires_in=5 if n % 2 else 500) for n in range(6)]
    house.clock.move(seconds=10)
    log: list[str] = []
    position = None
    while True:
        page = house.commands.page("usr_1", house.phone.id, None, 4, position)
        log += [c.id for c in page.items]
        if (position := page.position) is None:
            break
    assert log == [c.id for c in reversed(sent)]
    expired = house.commands.page("usr_1", house.phone.id, Status.EXPIRED, 10)
    assert [c.arguments["text"] for c in expired.items] == ["5", "3", "1"]


def test_it_is_known_when_a_device_was_seen_to_a_minute(house: House) -> None:
    first = house.clock.now
    house.take()
    house.clock.move(seconds=59)
    house.take()
    assert house.devices.get("usr_1", house.phone.id).last_seen_at == first
    house.clock.move(seconds=1)
    house.take()
    assert house.devices.get("usr_1", house.phone.id).last_seen_at == house.clock.now


def test_a_deleted_device_takes_nothing_more_even_in_a_poll_that_waits(house: House) -> None:
    command = house.send(confirm=True)

    def leave() -> None:
        if len(house.waits) == 1:
            assert house.devices.delete("usr_1", house.phone.id) == 3

    house.meanwhile = leave
    assert house.take(wait=5) == []
    assert house.stored.keys == {}
    for call in (
        lambda: house.take(),
        lambda: house.send(),
        lambda: house.commands.get("usr_1", house.phone.id, command.id),
        lambda: house.devices.delete("usr_1", house.phone.id),
    ):
        with pytest.raises(NotFound):
            call()


def test_nobody_finds_the_devices_and_commands_of_another(house: House) -> None:
    command = house.send()
    for call in (
        lambda: house.devices.get("usr_2", house.phone.id),
        lambda: house.devices.change("usr_2", house.phone.id, Wish("Mine")),
        lambda: house.devices.delete("usr_2", house.phone.id),
        lambda: house.commands.send("usr_2", house.phone.id, "notify", {"text": "x"}),
        lambda: house.commands.page("usr_2", house.phone.id, None, 10),
        lambda: house.commands.take("usr_2", house.phone.id, wait=0, limit=1),
        lambda: house.commands.get("usr_2", house.phone.id, command.id),
        lambda: house.commands.confirm("usr_2", house.phone.id, command.id),
        lambda: house.commands.cancel("usr_2", house.phone.id, command.id),
        lambda: house.commands.get("usr_1", new_id("dev"), command.id),
    ):
        with pytest.raises(NotFound):
            call()


def test_a_command_that_has_outlived_its_month_is_not_there_though_its_row_may_be(house: House) -> None:
    """U-33: the table removes late."""
    old = house.send("old")
    house.clock.move(days=1)
    new = house.send("new")
    house.clock.move(days=29, seconds=-1)
    assert [c.id for c in house.commands.page("usr_1", house.phone.id, None, 10).items] == [new.id, old.id]
    house.clock.move(seconds=1)
    assert [c.id for c in house.commands.page("usr_1", house.phone.id, None, 10).items] == [new.id]
    with pytest.raises(NotFound):
        house.commands.get("usr_1", house.phone.id, old.id)
    assert house.commands.get("usr_1", house.phone.id, new.id).id == new.id

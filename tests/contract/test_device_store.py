"""T-03: the fakes and the real stores of devices and commands pass one suite."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest

from antiphon.devices import model
from antiphon.devices.dynamo import DynamoCommands, DynamoDevices
from antiphon.devices.memory import MemoryCommands, MemoryDevices
from antiphon.devices.model import Capability, Command, Device, Origin, Outcome, Status
from antiphon.devices.ports import Gone, Stale
from antiphon.identity.dynamo import DynamoKeys, DynamoUsers
from antiphon.identity.model import User, UserStatus
from antiphon.platform.pages import Page
from antiphon.platform.table import Table

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
USER = User("usr_1", "anna@example.com", "", NOW)
TAP = Capability("tap", {"type": "object", "properties": {"x": {"type": "number", "minimum": 0.5}}}, "Taps.", True)
OUTCOME = Outcome(Status.FAILED, {"found": [1, 0.1, None]}, {"code": "no_such_app", "detail": "It is gone."})
Devices = MemoryDevices | DynamoDevices
Commands = MemoryCommands | DynamoCommands


@pytest.fixture(params=["memory", "dynamo"])
def devices(request: pytest.FixtureRequest) -> Devices:
    if request.param == "memory":
        return MemoryDevices()
    table = request.getfixturevalue("table")
    DynamoUsers(table).create(USER)
    return DynamoDevices(table)


@pytest.fixture
def commands(devices: Devices, request: pytest.FixtureRequest) -> Commands:
    if isinstance(devices, MemoryDevices):
        return MemoryCommands(devices)
    return DynamoCommands(request.getfixturevalue("table"))


@pytest.fixture
def owner_of(devices: Devices, request: pytest.FixtureRequest) -> Callable[[str], str | None]:
    """The id of the device that a key's hash leads to, as the authorizer finds it."""
    if isinstance(devices, MemoryDevices):
        return lambda key_hash: devices.keys.get(key_hash)
    keys = DynamoKeys(request.getfixturevalue("table"))

    def find(key_hash: str) -> str | None:
        found = keys.by_hash(key_hash)
        assert found is None or (found.user_id, found.scopes) == ("usr_1", ())
        return found and found.id

    return find


def phone(number: int = 1, **changes: Any) -> Device:
    made = Device(f"dev_{number}", "usr_1", "Phone", "android", (TAP,), NOW, NOW, f"hash-{number}", ("tap",))
    return replace(made, **changes)


def sent(number: int = 1, device: int = 1, *, confirm: bool = False, seconds: float = 0) -> Command:
    return model.issue(
        f"cmd_{number}",
        phone(device),
        "tap",
        {"x": 0.7, "y": {"z": [True]}},
        NOW + timedelta(seconds=seconds),
        expires_in=60,
        confirm=confirm,
        origin=Origin.RUN,
        run_id="run_1",
    )


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def test_a_device_is_of_its_user_and_found_by_its_key(devices: Devices, owner_of: Callable[[str], str | None]) -> None:
    devices.create(phone())
    devices.create(phone(2))
    assert devices.get("usr_1", "dev_1") == phone()
    assert list(devices.of_user("usr_1")) == [phone(2), phone()]
    assert (devices.get("usr_2", "dev_1"), list(devices.of_user("usr_2"))) == (None, [])
    assert (owner_of("hash-1"), owner_of("hash-3")) == ("dev_1", None)


def test_a_device_is_made_once(devices: Devices) -> None:
    devices.create(phone())
    with pytest.raises(Stale):
        devices.create(phone(key_hash="other"))


def test_who_may_not_come_in_gets_no_device(table: Table) -> None:
    DynamoUsers(table).create(replace(USER, status=UserStatus.SUSPENDED))
    with pytest.raises(Stale):
        DynamoDevices(table).create(phone())
    assert DynamoKeys(table).by_hash("hash-1") is None


def test_a_change_holds_only_for_what_was_read_and_leaves_when_it_was_seen(devices: Devices) -> None:
    devices.create(phone())
    devices.seen(phone(), NOW)
    after = phone(name="Tablet", capabilities=(), guarded=(), updated_at=later(1), version=2)
    devices.change(phone(), after)
    assert devices.get("usr_1", "dev_1") == replace(after, last_seen_at=NOW)
    for stale in (phone(), phone(9)):
        with pytest.raises(Stale):
            devices.change(stale, replace(stale, name="x", version=2))


def test_a_new_key_ends_the_one_before(devices: Devices, owner_of: Callable[[str], str | None]) -> None:
    devices.create(phone())
    devices.change(phone(), phone(key_hash="new", version=2))
    assert (owner_of("hash-1"), owner_of("new")) == (None, "dev_1")


def test_one_that_is_not_there_is_not_seen(devices: Devices) -> None:
    devices.seen(phone(), NOW)
    assert devices.get("usr_1", "dev_1") is None


def test_a_command_keeps_every_field(devices: Devices, commands: Commands) -> None:
    devices.create(phone())
    command = sent(confirm=True)
    commands.save(None, command, None)
    for step in (
        lambda c: model.confirm(c, later(1)),
        lambda c: model.deliver(c, later(2)),
        lambda c: model.acknowledge(c, later(3)),
        lambda c: model.finish(c, OUTCOME, later(4)),
    ):
        assert commands.get("usr_1", "dev_1", "cmd_1") == command
        after = step(command)
        commands.save(command, after, None)
        command = after
    assert commands.get("usr_1", "dev_1", "cmd_1") == command
    assert command.outcome == OUTCOME


def test_a_command_is_found_under_its_device_only(devices: Devices, commands: Commands) -> None:
    devices.create(phone())
    commands.save(None, sent(), None)
    assert commands.get("usr_1", "dev_2", "cmd_1") is None
    assert commands.get("usr_2", "dev_1", "cmd_1") is None
    assert commands.page("usr_1", "dev_2", 10) == Page((), None)


def test_a_change_of_a_command_holds_only_for_what_was_read(devices: Devices, commands: Commands) -> None:
    devices.create(phone())
    commands.save(None, sent(), None)
    delivered = model.deliver(sent(), NOW)
    for _ in range(2):  # the second one says what is there already
        commands.save(sent(), delivered, None)
    with pytest.raises(Stale):
        commands.save(sent(), model.cancel(sent(), NOW), None)
    with pytest.raises(Stale):
        commands.save(None, replace(sent(), action="swipe"), None)
    assert commands.get("usr_1", "dev_1", "cmd_1") == delivered


def test_of_many_at_the_same_time_one_wins(devices: Devices, commands: Commands) -> None:
    devices.create(phone())
    commands.save(None, sent(), None)

    def take(second: int) -> bool:
        try:
            commands.save(sent(), model.deliver(sent(), later(second)), None)
        except Stale:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(take, range(4))) == 1


def test_the_log_is_newest_first_and_in_pages(devices: Devices, commands: Commands) -> None:
    devices.create(phone())
    devices.create(phone(2))
    for number in range(1, 6):
        commands.save(None, sent(number), None)
    commands.save(None, sent(9, device=2), None)
    first = commands.page("usr_1", "dev_1", 2)
    assert [c.id for c in first.items] == ["cmd_5", "cmd_4"]
    last = commands.page("usr_1", "dev_1", 3, first.position)
    assert ([c.id for c in last.items], last.position) == (["cmd_3", "cmd_2", "cmd_1"], None)


def test_what_is_due_is_found_until_it_has_ended(devices: Devices, commands: Commands) -> None:
    devices.create(phone())
    devices.create(phone(2))
    for command in (sent(1, seconds=10), sent(2, seconds=5), sent(3, confirm=True), sent(4, device=2)):
        commands.save(None, command, None)
    assert [c.id for c in commands.due("dev_1", later(4))] == []
    assert list(commands.due("dev_1", later(10))) == [sent(2, seconds=5), sent(1, seconds=10)]
    assert [c.id for c in commands.due("dev_1")] == ["cmd_2", "cmd_1", "cmd_3"]
    delivered = model.deliver(sent(2, seconds=5), later(10))
    commands.save(sent(2, seconds=5), delivered, None)
    assert [c.id for c in commands.due("dev_1", later(39))] == ["cmd_1"]
    assert [c.id for c in commands.due("dev_1", later(40))] == ["cmd_1", "cmd_2"]
    commands.save(delivered, model.finish(delivered, OUTCOME, later(11)), None)
    assert [c.id for c in commands.due("dev_1")] == ["cmd_1", "cmd_3"]


def test_a_device_that_leaves_takes_key_and_commands_with_it(
    devices: Devices, commands: Commands, owner_of: Callable[[str], str | None]
) -> None:
    devices.create(phone())
    devices.create(phone(2))
    for command in (sent(1), sent(2), sent(3, device=2)):
        commands.save(None, command, None)
    assert devices.remove(phone()) == 4
    assert owner_of("hash-1") is None
    assert devices.get("usr_1", "dev_1") is None
    assert commands.page("usr_1", "dev_1", 10) == Page((), None)
    assert devices.remove(phone()) == 0
    assert commands.get("usr_1", "dev_2", "cmd_3") == sent(3, device=2)
    for before, after in ((None, sent(5)), (sent(1), model.deliver(sent(1), NOW))):
        with pytest.raises(Gone):
            commands.save(before, after, None)


def test_a_key_that_was_given_meanwhile_leaves_too(devices: Devices, owner_of: Callable[[str], str | None]) -> None:
    devices.create(phone())
    devices.change(phone(), phone(key_hash="new", version=2))
    devices.remove(phone())
    assert (owner_of("hash-1"), owner_of("new")) == (None, None)


def test_while_a_device_leaves_nothing_of_it_is_written(table: Table) -> None:
    """Cut off after its key ended: a repeat finds the device and ends what was begun."""
    DynamoUsers(table).create(USER)
    devices, commands = DynamoDevices(table), DynamoCommands(table)
    devices.create(phone())
    commands.save(None, sent(), None)
    assert devices._leave(phone())
    left = devices.get("usr_1", "dev_1")
    assert left is not None
    assert left.leaving
    assert DynamoKeys(table).by_hash("hash-1") is None
    with pytest.raises(Gone):
        commands.save(sent(), model.deliver(sent(), NOW), None)
    with pytest.raises(Stale):
        devices.change(phone(), phone(name="x", version=2))
    assert devices.remove(left) == 3
    assert devices.get("usr_1", "dev_1") is None


def test_a_change_and_its_event_are_written_together_or_not_at_all(table: Table) -> None:
    """W-21"""
    DynamoUsers(table).create(USER)
    DynamoDevices(table).create(phone())
    commands = DynamoCommands(table)
    event = model.event_of(sent(), NOW, "req_1")
    assert event is not None
    for _ in range(2):
        commands.save(None, sent(), event)
    with pytest.raises(Stale):
        commands.save(None, replace(sent(), action="swipe"), replace(event, id="evt_other"))
    rows = boto3.client("dynamodb").query(
        TableName=table.name,
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": "events#usr_1"}},
    )["Items"]
    assert [row["sk"]["S"] for row in rows] == [event.id]


def test_an_idle_look_reads_nothing_of_what_has_ended(table: Table) -> None:
    """Half a read unit, the least there is: a poll looks every 0.7 s, so 20 s of waiting cost 15 units."""
    DynamoUsers(table).create(USER)
    DynamoDevices(table).create(phone())
    commands = DynamoCommands(table)
    for number in range(5):
        done = model.finish(model.deliver(sent(number), NOW), OUTCOME, NOW)
        commands.save(None, sent(number), None)
        commands.save(sent(number), model.deliver(sent(number), NOW), None)
        commands.save(model.deliver(sent(number), NOW), done, None)
    found = boto3.client("dynamodb").query(
        TableName=table.name,
        IndexName="gsi1",
        KeyConditionExpression="gsi1pk = :pk",
        ExpressionAttributeValues={":pk": {"S": "due#command#dev_1"}},
    )
    assert found["ScannedCount"] == 0

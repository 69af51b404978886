"""Q-20: a device from its registration to its removal, with the n-th AWS call failing, for every n until none is left to fail.

Whoever crashed or heard nothing asks again, as clients do; then the whole table is looked at.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

import boto3
import pytest

from antiphon.devices.command import Commands
from antiphon.devices.dynamo import DynamoCommands, DynamoDevices
from antiphon.devices.manage import Devices
from antiphon.devices.model import Capability, Outcome, Status
from antiphon.devices.schemas import NO_PARAMETERS
from antiphon.identity.api_keys import key_hash
from antiphon.identity.dynamo import DynamoUsers
from antiphon.identity.model import User
from antiphon.platform.errors import NotFound, Unavailable
from antiphon.platform.table import Table
from tests.faults import KINDS, Crash, Faults
from tests.unit.conftest import HeldClock

DONE = Outcome(Status.SUCCEEDED, {"shown": True})
T = TypeVar("T")


def rows(table: Table, user: str) -> Counter[str]:
    """Of one user, by kind; of events by their type."""
    found: Counter[str] = Counter()
    for page in boto3.client("dynamodb").get_paginator("scan").paginate(TableName=table.name):
        for item in page["Items"]:
            if user in str(item):
                found[item["type"]["S"] if item["row"]["S"] == "event" else item["row"]["S"]] += 1
    return found


def again(faults: Faults, call: Callable[[], T]) -> T:
    for _ in range(3):
        try:
            with faults.watched():
                return call()
        except (Crash, Unavailable):
            continue
    raise AssertionError("it does not end")


@pytest.mark.parametrize("kind", KINDS)
def test_at_whatever_call_it_breaks_there_is_one_device_one_command_and_one_result(
    table: Table, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    faults, clock = Faults(monkeypatch), HeldClock()
    devices = Devices(DynamoDevices(table), clock)
    commands = Commands(DynamoDevices(table), DynamoCommands(table), clock, lambda seconds: None)
    users, points = DynamoUsers(table), 0
    while True:
        points += 1
        user, seed = f"usr_{points:026d}", f"{points:026d}"
        users.create(User(user, f"{points}@example.com", "", datetime(2026, 11, 20, tzinfo=UTC)))
        faults.arm(points, kind)
        registered = again(
            faults,
            lambda: devices.register(user, "Phone", "ios", (Capability("ring", NO_PARAMETERS),), seed),  # noqa: B023
        )
        device = registered.device.id
        sent = again(faults, lambda: commands.send(user, device, "ring", {}, expires_in=600, seed=seed))  # noqa: B023

        def take() -> Any:
            clock.move(seconds=31)
            return commands.take(user, device, wait=0, limit=5)  # noqa: B023

        (taken,) = again(faults, take)
        assert taken.id == sent.id
        done = again(faults, lambda: commands.finish(user, device, sent.id, DONE))  # noqa: B023
        assert done.outcome == DONE
        expected = {"user": 1, "email": 1, "device": 1, "key-ref": 1, "command": 1}
        expected |= {"device.command.pending": 1, "device.command.succeeded": 1}
        assert rows(table, user) == expected, faults.struck
        ref = boto3.client("dynamodb").get_item(
            TableName=table.name, Key={"pk": {"S": f"apikey#{key_hash(registered.key)}"}, "sk": {"S": "key"}}
        )
        assert ref["Item"]["key_id"]["S"] == device, "the key that was shown is the one that works"

        def leave() -> None:
            try:
                devices.delete(user, device)  # noqa: B023
            except NotFound:  # an earlier try came to its end, and only its answer was lost
                return

        again(faults, leave)
        left = rows(table, user)
        assert {"device", "key-ref", "command"} & set(left) == set(), faults.struck
        if not faults.struck:
            break
    print(f"\ndevices, {kind}: {points - 1} points of failure tried")
    assert points > 10

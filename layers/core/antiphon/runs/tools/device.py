"""``device``: what the user's devices can do. Actions that are marked sensitive wait for the user's yes, bound to the very arguments."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from antiphon.devices.command import Commands
from antiphon.devices.manage import Devices
from antiphon.devices.model import ENDED, Origin, Status
from antiphon.platform.errors import Invalid, NotFound
from antiphon.runs.model import Run
from antiphon.runs.ports import Result, Waiting
from antiphon.runs.tools import Arguments, parsed, schema_of, seed_of


class DeviceArguments(Arguments):
    device_id: Annotated[str | None, Field(max_length=64, description="Of one of the user's devices.")] = None
    action: Annotated[str | None, Field(max_length=64, description="One that the device has declared.")] = None
    arguments: dict[str, Any] = Field(default_factory=dict, description="As the action's schema says.")


class DeviceTool:
    name = "device"
    description = "Lets one of the user's devices do something. Call it without arguments first: it tells which devices there are and what they can do."
    parameters = schema_of(DeviceArguments)

    def __init__(self, devices: Devices, commands: Commands) -> None:
        self._devices = devices
        self._commands = commands

    def call(self, run: Run, arguments: Mapping[str, Any], seed: str) -> Result | Waiting:
        asked = parsed(DeviceArguments, arguments)
        if asked.device_id is None:
            return self._list(run)
        if asked.action is None:
            raise Invalid("action: name what the device is to do.")
        command = self._commands.send(
            run.user_id,
            asked.device_id,
            asked.action,
            asked.arguments,
            origin=Origin.RUN,
            run_id=run.id,
            seed=seed_of(run.id, seed),
            request_id=run.request_id,
        )
        output = {"device_id": asked.device_id, "command_id": command.id, "action": command.action}
        link = f"/v1/devices/{asked.device_id}/commands/{command.id}"
        awaits = command.status is Status.AWAITING_CONFIRMATION
        return Waiting(
            f"{asked.device_id}/{command.id}",
            {**output, "link": link, **({"confirm": f"{link}/confirm"} if awaits else {})},
        )

    def check(self, run: Run, waits_for: str) -> Result | None:
        device_id, _, command_id = waits_for.partition("/")
        try:
            command = self._commands.get(run.user_id, device_id, command_id)
        except NotFound:
            return Result("The device was deleted.", failed=True)
        if command.status not in ENDED:
            return None
        if command.status is not Status.SUCCEEDED:
            error = command.outcome.error if command.outcome else None
            why = error.get("detail") if error else None
            return Result(why or f"The command {command.status.value}.", {"code": command.status.value}, failed=True)
        result = command.outcome.result if command.outcome else None
        return Result(json.dumps(result, ensure_ascii=False) if result else "Done.")

    def _list(self, run: Run) -> Result:
        shown = [
            {
                "device_id": device.id,
                "name": device.name,
                "platform": device.platform,
                "actions": [
                    {
                        "action": c.action,
                        "description": c.description,
                        "arguments": c.parameters,
                        "sensitive": c.sensitive,
                    }
                    for c in device.capabilities
                ],
            }
            for device in self._devices.all(run.user_id)
        ]
        return Result(
            json.dumps(shown, ensure_ascii=False) if shown else "The user has no devices.", {"devices": len(shown)}
        )

"""The stores in memory, for tests: the same promises, kept by the same contract suite."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from antiphon.devices.model import Command, Device
from antiphon.devices.ports import Gone, Stale
from antiphon.platform.events import Event
from antiphon.platform.pages import Page


class MemoryDevices:
    """``keys``: ids of devices by the hash of their key; ``commands``: of all of them."""

    def __init__(self) -> None:
        self._devices: dict[tuple[str, str], Device] = {}
        self.keys: dict[str, str] = {}
        self.commands: dict[str, Command] = {}

    def create(self, device: Device) -> None:
        if (device.user_id, device.id) in self._devices:
            raise Stale
        self._put(device)

    def get(self, user_id: str, device_id: str) -> Device | None:
        return self._devices.get((user_id, device_id))

    def of_user(self, user_id: str) -> Sequence[Device]:
        return sorted((d for d in self._devices.values() if d.user_id == user_id), key=lambda d: d.id, reverse=True)

    def change(self, before: Device, after: Device) -> None:
        known = self.get(before.user_id, before.id)
        if known is None or known.version != before.version:
            raise Stale
        del self.keys[known.key_hash]
        self._put(replace(after, last_seen_at=known.last_seen_at))

    def seen(self, device: Device, at: datetime) -> None:
        known = self.get(device.user_id, device.id)
        if known is not None:
            self._devices[device.user_id, device.id] = replace(known, last_seen_at=at)

    def remove(self, device: Device) -> int:
        if self._devices.pop((device.user_id, device.id), None) is None:
            return 0
        self.keys = {key: device_id for key, device_id in self.keys.items() if device_id != device.id}
        before = len(self.commands)
        self.commands = {key: command for key, command in self.commands.items() if command.device_id != device.id}
        return before - len(self.commands) + 2

    def _put(self, device: Device) -> None:
        self._devices[device.user_id, device.id] = device
        self.keys[device.key_hash] = device.id


class MemoryCommands:
    """``events``: in the order they came."""

    def __init__(self, devices: MemoryDevices) -> None:
        self._devices = devices
        self.events: list[Event] = []

    def save(self, before: Command | None, after: Command, event: Event | None) -> None:
        if self._devices.get(after.user_id, after.device_id) is None:
            raise Gone
        known = self._devices.commands.get(after.id)
        if known == after:
            return
        if (known and known.version) != (before and before.version):
            raise Stale
        self._devices.commands[after.id] = after
        if event:
            self.events.append(event)

    def get(self, user_id: str, device_id: str, command_id: str) -> Command | None:
        found = self._devices.commands.get(command_id)
        return found if found and (found.user_id, found.device_id) == (user_id, device_id) else None

    def page(self, user_id: str, device_id: str, limit: int, position: str | None = None) -> Page[Command]:
        of_it = [c for c in self._devices.commands.values() if (c.user_id, c.device_id) == (user_id, device_id)]
        found = sorted((c for c in of_it if position is None or c.id < position), key=lambda c: c.id, reverse=True)
        return Page(tuple(found[:limit]), found[limit - 1].id if len(found) > limit else None)

    def due(self, device_id: str, until: datetime | None = None) -> Sequence[Command]:
        of_it = [(c.due_at, c) for c in self._devices.commands.values() if c.device_id == device_id]
        found = [(due, c) for due, c in of_it if due is not None and (until is None or due <= until)]
        return [command for _, command in sorted(found, key=lambda each: each[0])]

"""What the use cases of devices need from outside."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from antiphon.devices.model import Command, Device
from antiphon.platform.events import Event
from antiphon.platform.pages import Page


class Stale(Exception):
    """The row is no longer as it was read: read again. Never reaches a user."""


class Gone(Exception):
    """The device is not there any more, or is being deleted. Becomes NotFound."""


class DeviceStore(Protocol):
    def create(self, device: Device) -> None:
        """The device and what finds it by its key, in one transaction. Raises Stale where it is there, or where its user may not come in any more."""

    def get(self, user_id: str, device_id: str) -> Device | None:
        """One consistent read; also one that is leaving."""

    def of_user(self, user_id: str) -> Sequence[Device]:
        """All of them, newest first: there are at most `MAX_DEVICES`, give or take a race."""

    def change(self, before: Device, after: Device) -> None:
        """Name, capabilities, or the key: then the earlier one ends. Raises Stale."""

    def seen(self, device: Device, at: datetime) -> None:
        """Does nothing where the device is gone."""

    def remove(self, device: Device) -> int:
        """First its key, then its commands, then the device; gives the number of rows. What was cut off is ended by a repeat. Raises Stale."""


class CommandStore(Protocol):
    def save(self, before: Command | None, after: Command, event: Event | None) -> None:
        """One transaction. before: None for a new one. Does nothing where ``after`` is what is stored. Raises Stale, Gone."""

    def get(self, user_id: str, device_id: str, command_id: str) -> Command | None:
        """One consistent read."""

    def page(self, user_id: str, device_id: str, limit: int, position: str | None = None) -> Page[Command]:
        """Newest first."""

    def due(self, device_id: str, until: datetime | None = None) -> Sequence[Command]:
        """Those with something to do until then, or ever; the oldest first. It follows a change within a second or so, so what it gives may have changed since."""


__all__ = ["CommandStore", "DeviceStore", "Gone", "Stale"]

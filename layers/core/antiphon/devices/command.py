"""Commands to devices: sent, confirmed, handed out, answered."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from antiphon.devices import model
from antiphon.devices.model import EXPIRES_IN, MAX_OPEN, SEEN_EVERY, Command, Device, Origin, Outcome, Status
from antiphon.devices.ports import CommandStore, DeviceStore, Gone, Stale
from antiphon.devices.schemas import faults
from antiphon.platform.clock import Clock
from antiphon.platform.errors import Conflict, Field, Invalid, NotFound, Unavailable
from antiphon.platform.ids import new_id
from antiphon.platform.pages import Page

MAX_WAIT = 20
"""Seconds of a poll; a function has 29."""
POLL_EVERY = 0.7
"""Seconds. An idle look costs half a read unit, a poll of 20 seconds 15 units."""
LOOKED_AT = 500
"""Commands that one page of a filtered list looks at, at most."""
_ROUNDS = 4


class Commands:
    """What a user, an agent's run and a device do with commands. An agent's run sends, and looks at the command until it has ended::

        command = commands.send(user_id, device_id, "notify", {"text": "Tea."}, origin=Origin.RUN, run_id=run_id, seed=step_id)
        command = commands.get(user_id, device_id, command.id)   # .status, .outcome; AWAITING_CONFIRMATION until the user says yes

    The tools that a run may offer its model are the capabilities of `Devices.all`. Each change but a delivery writes an event in its own transaction,
    ``device.command.<status>``, by which a run can also be woken. pause: waits so many seconds.
    """

    def __init__(
        self, devices: DeviceStore, commands: CommandStore, clock: Clock, pause: Callable[[float], None] = time.sleep
    ) -> None:
        self._devices = devices
        self._commands = commands
        self._clock = clock
        self._pause = pause

    def send(
        self,
        user_id: str,
        device_id: str,
        action: str,
        arguments: Mapping[str, Any],
        *,
        origin: Origin | str = Origin.USER,
        run_id: str | None = None,
        confirm: bool = False,
        expires_in: int = EXPIRES_IN,
        seed: str | None = None,
        request_id: str | None = None,
    ) -> Command:
        """confirm: it waits for the user's yes, as one of a run does anyway where the action is sensitive; expires_in: seconds in which it is to be
        answered; seed: of a repeated request or step of a run, a ULID: it gives the command that is there.

        Raises NotFound, Invalid (names the wrong argument), Conflict ``too_many_commands``, ``command_mismatch`` (another command has this seed).
        """
        origin, device = Origin(origin), self._device(user_id, device_id)
        known = self._commands.get(user_id, device_id, f"cmd_{seed}") if seed else None
        if known is not None:
            return _same(known, action, arguments)
        capability = device.capability(action)
        if capability is None:
            there = ", ".join(c.action for c in device.capabilities)
            raise Invalid(
                f"action: The device has not declared {action}.",
                fields=(Field("action", f"Choose of what the device declared: {there}."),),
            )
        if wrong := faults(capability.parameters, arguments):
            raise Invalid("; ".join(f"{f.field}: {f.detail}" for f in wrong[:3]), fields=wrong)
        self._make_room(device_id)
        now = self._clock()
        made = model.issue(
            f"cmd_{seed}" if seed else new_id("cmd", now),
            device,
            action,
            arguments,
            now,
            expires_in=expires_in,
            confirm=confirm or (origin is Origin.RUN and capability.sensitive),
            origin=origin,
            run_id=run_id,
        )
        try:
            self._commands.save(None, made, model.event_of(made, now, request_id))
        except Stale:  # the same seed, at the same time
            return _same(self.get(user_id, device_id, made.id), action, arguments)
        except Gone:
            raise _no_device() from None
        return made

    def get(self, user_id: str, device_id: str, command_id: str) -> Command:
        """As it is by now. Raises NotFound."""
        return self._stored(user_id, device_id, command_id).settled(self._clock())

    def page(
        self, user_id: str, device_id: str, status: Status | None, limit: int, position: str | None = None
    ) -> Page[Command]:
        """Newest first. With a status a page may be shorter than asked for, with more behind it. Raises NotFound."""
        self._device(user_id, device_id)
        found: list[Command] = []
        for _ in range(0, LOOKED_AT, 100):
            page = self._commands.page(user_id, device_id, 100 if status else limit, position)
            now = self._clock()
            for command in (each.settled(now) for each in page.items):
                position = command.id
                if command.kept(now) and status in (None, command.status):
                    found.append(command)
                if len(found) == limit:
                    at_the_end = page.position is None and command.id == page.items[-1].id
                    return Page(tuple(found), None if at_the_end else position)
            position = page.position
            if position is None:
                break
        return Page(tuple(found), position)

    def confirm(self, user_id: str, device_id: str, command_id: str, request_id: str | None = None) -> Command:
        """The user's yes, within five minutes. Raises NotFound, Conflict ``command_expired``, ``command_ended``, ``nothing_to_confirm``, Unavailable."""
        return self._change(user_id, device_id, command_id, model.confirm, request_id)

    def cancel(self, user_id: str, device_id: str, command_id: str, request_id: str | None = None) -> Command:
        """Raises NotFound, Conflict ``command_expired``, ``command_ended``, Unavailable."""
        return self._change(user_id, device_id, command_id, model.cancel, request_id)

    def take(self, user_id: str, device_id: str, *, wait: float, limit: int) -> tuple[Command, ...]:
        """What the device is to do, in the order in which it was sent; as soon as there is something, and after ``wait`` seconds also nothing.

        What is not answered is handed out again after half a minute. Raises NotFound.
        """
        device, now = self._device(user_id, device_id), self._clock()
        if device.last_seen_at is None or now - device.last_seen_at >= SEEN_EVERY:
            self._devices.seen(device, now)
        until = now + timedelta(seconds=min(wait, MAX_WAIT))
        while True:
            now = self._clock()
            taken = self._hand_out(device, now, limit)
            left = (until - now).total_seconds()
            if taken or left <= 0:
                return taken
            self._pause(min(POLL_EVERY, left))

    def hand_over(self, user_id: str, device_id: str, command_id: str) -> Command | None:
        """One that has just been sent, to a device that is connected; again also where it was not answered yet. None where there is nothing to do (any
        more). Raises NotFound, Unavailable."""

        def step(command: Command, now: datetime) -> Command:
            command = command.settled(now)
            return model.deliver(command, now) if command.status is Status.PENDING else command

        handed = self._change(user_id, device_id, command_id, step, None)
        return handed if handed.status is Status.DELIVERED else None

    def acknowledge(self, user_id: str, device_id: str, command_id: str) -> Command:
        """The device has it in hand. Raises NotFound, Conflict ``command_expired``, ``command_ended``, ``command_not_delivered``, Unavailable."""
        return self._change(user_id, device_id, command_id, model.acknowledge, None)

    def finish(
        self, user_id: str, device_id: str, command_id: str, outcome: Outcome, request_id: str | None = None
    ) -> Command:
        """The device's answer. Raises as `acknowledge`, and Conflict ``result_conflict``."""
        return self._change(user_id, device_id, command_id, lambda c, now: model.finish(c, outcome, now), request_id)

    def _device(self, user_id: str, device_id: str) -> Device:
        found = self._devices.get(user_id, device_id)
        if found is None or found.leaving:
            raise _no_device()
        return found

    def _stored(self, user_id: str, device_id: str, command_id: str) -> Command:
        found = self._commands.get(user_id, device_id, command_id)
        if found is None or not found.kept(self._clock()):
            raise NotFound("There is no such command.")
        return found

    def _change(
        self,
        user_id: str,
        device_id: str,
        command_id: str,
        step: Callable[[Command, datetime], Command],
        request_id: str | None,
    ) -> Command:
        for _ in range(_ROUNDS):
            before, now = self._stored(user_id, device_id, command_id), self._clock()
            after = step(before, now)
            if after == before:
                return after
            try:
                self._commands.save(before, after, model.event_of(after, now, request_id))
            except Stale:
                continue
            except Gone:
                raise _no_device() from None
            return after
        raise Unavailable("The command changes too fast; repeat in a moment.", retry_after=1)

    def _hand_out(self, device: Device, now: datetime, limit: int) -> tuple[Command, ...]:
        taken: list[Command] = []
        for command in sorted(self._commands.due(device.id, now), key=lambda c: c.id):
            if len(taken) == limit:
                break
            expired = command.settled(now) != command
            after = command.settled(now) if expired else model.deliver(command, now)
            try:
                self._commands.save(command, after, None)
            except Stale:  # answered, canceled or taken by another poll since the index was written
                continue
            except Gone:
                break
            if not expired:
                taken.append(after)
        return tuple(taken)

    def _make_room(self, device_id: str) -> None:
        """What has expired while the device was away ends here too, or it would take room for ever."""
        now, open_ones = self._clock(), 0
        for command in self._commands.due(device_id):
            settled = command.settled(now)
            if settled == command:
                open_ones += 1
                continue
            try:
                self._commands.save(command, settled, None)
            except (Stale, Gone):
                continue
        # Two requests at once may both see the last free place; one command more does no harm.
        if open_ones >= MAX_OPEN:
            raise Conflict(
                f"{MAX_OPEN} commands wait for this device; cancel some or let it answer.", code="too_many_commands"
            )


def _same(known: Command, action: str, arguments: Mapping[str, Any]) -> Command:
    if not known.says(action, arguments):
        raise Conflict("Another command was sent under this name; send this one anew.", code="command_mismatch")
    return known


def _no_device() -> NotFound:
    return NotFound("There is no such device.")


__all__ = ["Commands"]

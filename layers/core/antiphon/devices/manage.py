"""Devices: registered, listed, changed, deleted."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

from antiphon.devices.model import MAX_CAPABILITIES, MAX_DECLARED, MAX_DEVICES, MAX_GUARDED, Capability, Device
from antiphon.devices.ports import DeviceStore, Stale
from antiphon.devices.schemas import declared
from antiphon.identity.api_keys import key_hash, new_key
from antiphon.platform.clock import Clock
from antiphon.platform.errors import Conflict, Field, Invalid, NotFound, Unavailable
from antiphon.platform.ids import new_id

_ROUNDS = 4


@dataclass(frozen=True)
class Registered:
    """``key``: the device's own, for its owner's eyes, this once."""

    device: Device
    key: str


@dataclass(frozen=True)
class Wish:
    """What is None stays as it is."""

    name: str | None = None
    capabilities: tuple[Capability, ...] | None = None


class Devices:
    def __init__(self, store: DeviceStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def register(
        self, user_id: str, name: str, platform: str, capabilities: tuple[Capability, ...], seed: str | None = None
    ) -> Registered:
        """seed: of a repeated request; it gives the same device a new key, and the lost one ends. Raises Invalid, Conflict ``too_many_devices``."""
        capabilities = _checked(capabilities)
        device_id = f"dev_{seed}" if seed else new_id("dev")
        now, key = self._clock(), new_key()
        known = self._store.get(user_id, device_id) if seed else None
        if known is None and len(self._store.of_user(user_id)) >= MAX_DEVICES:
            raise Conflict(f"An account may have {MAX_DEVICES} devices; delete one first.", code="too_many_devices")
        try:
            if known is None:
                guarded = _sensitive(capabilities)
                made = Device(device_id, user_id, name, platform, capabilities, now, now, key_hash(key), guarded)
                self._store.create(made)
            else:
                made = replace(known, key_hash=key_hash(key), version=known.version + 1)
                self._store.change(known, made)
        except Stale:
            raise Unavailable("The device was registered at the same moment; repeat.", retry_after=1) from None
        return Registered(made, key)

    def get(self, user_id: str, device_id: str) -> Device:
        """Raises NotFound."""
        found = self._store.get(user_id, device_id)
        if found is None or found.leaving:
            raise NotFound("There is no such device.")
        return found

    def all(self, user_id: str) -> Sequence[Device]:
        """Newest first; at most `MAX_DEVICES`, give or take a race."""
        return [device for device in self._store.of_user(user_id) if not device.leaving]

    def change(self, user_id: str, device_id: str, wish: Wish, *, by_itself: bool = False) -> Device:
        """by_itself: the device asks: its capabilities may change, but what was sensitive stays so, also what it leaves out and declares again later.

        Raises NotFound, Invalid, Unavailable.
        """
        capabilities = None if wish.capabilities is None else _checked(wish.capabilities)
        for _ in range(_ROUNDS):
            before = self.get(user_id, device_id)
            after = replace(before, name=wish.name or before.name, updated_at=self._clock(), version=before.version + 1)
            if capabilities is not None:
                guarded = dict.fromkeys((*(before.guarded if by_itself else ()), *_sensitive(capabilities)))
                if len(guarded) > MAX_GUARDED:
                    raise _wrong("capabilities", f"Only {MAX_GUARDED} actions can be remembered as sensitive.")
                marked = tuple(replace(c, sensitive=c.action in guarded) for c in capabilities)
                after = replace(after, capabilities=marked, guarded=tuple(guarded))
            try:
                self._store.change(before, after)
            except Stale:
                continue
            return after
        raise Unavailable("The device changes too fast; repeat in a moment.", retry_after=1)

    def delete(self, user_id: str, device_id: str) -> int:
        """With all its commands; its key ends first. Gives the number of rows. Raises NotFound, Unavailable."""
        found = self._store.get(user_id, device_id)
        if found is None:
            raise NotFound("There is no such device.")
        try:
            return self._store.remove(found)
        except Stale:
            raise Unavailable("The device changes too fast; repeat in a moment.", retry_after=1) from None


def _checked(capabilities: tuple[Capability, ...]) -> tuple[Capability, ...]:
    """With the references of their schemas written out."""
    if not 1 <= len(capabilities) <= MAX_CAPABILITIES:
        raise _wrong("capabilities", f"Declare 1 to {MAX_CAPABILITIES} actions.")
    actions = [capability.action for capability in capabilities]
    for place, action in enumerate(actions):
        if action in actions[:place]:
            raise _wrong(f"capabilities.{place}.action", "Declare each action once.")
    made = tuple(
        replace(c, parameters=declared(c.parameters, f"capabilities.{n}.parameters"))
        for n, c in enumerate(capabilities)
    )
    if len(json.dumps([asdict(capability) for capability in made])) > MAX_DECLARED:
        raise _wrong("capabilities", f"Declare at most {MAX_DECLARED} bytes of JSON.")
    return made


def _sensitive(capabilities: tuple[Capability, ...]) -> tuple[str, ...]:
    return tuple(capability.action for capability in capabilities if capability.sensitive)


def _wrong(field: str, detail: str) -> Invalid:
    return Invalid(f"{field}: {detail}", fields=(Field(field, detail),))

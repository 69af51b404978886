"""What the routes show of devices and commands."""

from __future__ import annotations

from typing import Any

from antiphon.devices.model import Command, Device
from antiphon.platform.clock import rfc3339


def device_view(device: Device) -> dict[str, Any]:
    """Without the key: that is in the answer to the registration only."""
    return {
        "id": device.id,
        "name": device.name,
        "platform": device.platform,
        "capabilities": [
            {
                "action": capability.action,
                "description": capability.description,
                "parameters": dict(capability.parameters),
                "sensitive": capability.sensitive,
            }
            for capability in device.capabilities
        ],
        "created_at": rfc3339(device.created_at),
        "updated_at": rfc3339(device.updated_at),
        "last_seen_at": device.last_seen_at and rfc3339(device.last_seen_at),
    }


def entry_view(command: Command) -> dict[str, Any]:
    """In a list: without the result, which may be large."""
    moments = {
        name: moment and rfc3339(moment)
        for name in ("delivered_at", "confirmed_at", "acknowledged_at", "finished_at")
        for moment in (getattr(command, name),)
    }
    error = command.outcome.error if command.outcome else None
    return {
        "id": command.id,
        "device_id": command.device_id,
        "action": command.action,
        "arguments": dict(command.arguments),
        "status": command.status.value,
        "origin": command.origin.value,
        "run_id": command.run_id,
        "deliveries": command.deliveries,
        "error": dict(error) if error else None,
        "created_at": rfc3339(command.created_at),
        "expires_at": rfc3339(command.expires_at),
        **moments,
    }


def command_view(command: Command) -> dict[str, Any]:
    result = command.outcome.result if command.outcome else None
    return {**entry_view(command), "result": None if result is None else dict(result)}

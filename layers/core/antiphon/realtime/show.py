"""What is sent to a connection beside events."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from antiphon.platform.errors import AntiphonError
from antiphon.platform.problem import problem


def with_ref(frame: Mapping[str, Any], ref: str | None) -> dict[str, Any]:
    """ref: the client's own name of what it asked for; it comes back with the answer."""
    return {**frame, **({"ref": ref} if ref else {})}


def error_frame(error: AntiphonError, request_id: str, ref: str | None = None, **about: Any) -> dict[str, Any]:
    """A problem document whose ``type`` says that it is one."""
    told = {**problem(error, request_id), "type": "error"}
    if error.retry_after is not None:
        told["retry_after"] = error.retry_after
    return with_ref({**told, **about}, ref)


def channels_frame(name: str, channels: Iterable[str], ref: str | None = None) -> dict[str, Any]:
    """name: ``subscribed``, ``unsubscribed``; ``caught_up`` when a replay has ended."""
    return with_ref({"type": name, "channels": sorted(channels)}, ref)

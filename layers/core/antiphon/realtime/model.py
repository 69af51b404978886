"""Sockets: who is connected, what they listen to, and what they may say. Types and rules, no clock, no network.

A channel is ``jobs`` (everything that happens to jobs, media and the account), ``conversations`` (each message of any), or a conversation, a run or a device by
its id. What is pushed of an event is what a webhook gets of it, with its ``id``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from antiphon.platform.access import Access, Who
from antiphon.platform.clock import rfc3339
from antiphon.platform.errors import Forbidden, Unauthorized
from antiphon.platform.events import Event
from antiphon.platform.ids import first_id, is_id, time_of
from antiphon.platform.request import Caller

PROTOCOL = "antiphon.v1"
"""The subprotocol; a client offers it beside ``bearer.<token>``, because browsers can send no other header."""
_BEARER = "bearer."
MAX_MESSAGE = 128 * 1024
"""Bytes that API Gateway takes and sends as one message, in frames of at most 32 KB."""
MESSAGES = 100
"""That a connection may send in a minute."""
MAX_CONNECTIONS = 20
"""Of one user; a further one ends the oldest."""
MAX_CHANNELS = 100
LIVES = timedelta(hours=2)
"""API Gateway ends every connection then."""
REPLAYED = timedelta(hours=24)
OVERLAP = timedelta(seconds=60)
"""An event's id has the moment in which its change was decided, and it is written a little later, after retries perhaps much later: a replay begins so much
before the event from which it was asked for."""
PROGRESS_EVERY = timedelta(milliseconds=500)
"""Between two progress events of one job on one connection."""
JOBS = "jobs"
CONVERSATIONS = "conversations"

SCOPES: Mapping[str, str] = MappingProxyType(
    {
        "transcription": "transcriptions:read",
        "alignment": "transcriptions:read",
        "diarization": "transcriptions:read",
        "assignment": "transcriptions:read",
        "speech": "speech:read",
        "edit": "media:read",
        "media": "media:read",
        "document": "documents:read",
        "run": "chat:read",
        "message": "chat:read",
        "device": "devices:read",
        "user": "account:read",
        "webhook": "webhooks:read",
    }
)
"""What an API key needs to hear of events, by the first word of their type. Of what is not here only a signed-in person hears."""
_OF_CHANNELS: Mapping[str, Access] = MappingProxyType(
    {
        "conv": Access(Who.CALLER, "chat:read"),
        "run": Access(Who.CALLER, "chat:read"),
        "dev": Access(Who.CALLER, "devices:read", device=True),
    }
)
ACTIONS: Mapping[str, Access] = MappingProxyType(
    {
        "SOCKET send": Access(Who.CALLER, "chat:write", "message.create", creates=True),
        "SOCKET take": Access(Who.DEVICE, device=True),
        "SOCKET acknowledge": Access(Who.DEVICE, device=True),
        "SOCKET result": Access(Who.DEVICE, device=True),
    }
)
"""What passes the gate, as routes do; the other actions change nothing but the connection itself."""


@dataclass(frozen=True)
class Connection:
    """``key_hash``: of the API key, by which it is found again; ``expires_at``: with the token or the key; ``checked_at``: when the session or the key was last
    found to be good; ``waiting``: channels that are live only once their replay has ended; ``progressed``: when the progress of a job was last pushed, in
    milliseconds since the epoch."""

    id: str
    user_id: str
    caller: Caller
    connected_at: datetime
    expires_at: datetime
    checked_at: datetime
    key_hash: str = ""
    address: str = ""
    channels: frozenset[str] = frozenset()
    waiting: frozenset[str] = frozenset()
    progressed: Mapping[str, int] = field(default_factory=dict)

    def wants(self, event: Event) -> bool:
        return (
            event.user_id == self.user_id and bool(channels_of(event) & self.channels) and may_hear(self.caller, event)
        )


def token_of(offered: str) -> str:
    """offered: ``Sec-WebSocket-Protocol``. Raises Unauthorized where there is not exactly one token beside our own protocol."""
    names = [name.strip() for name in offered.split(",")]
    tokens = [name.removeprefix(_BEARER) for name in names if name.startswith(_BEARER)]
    if PROTOCOL not in names or len(tokens) != 1 or not tokens[0]:
        raise Unauthorized
    return tokens[0]


def kind_of(event: Event) -> str:
    return event.type.partition(".")[0]


def channels_of(event: Event) -> frozenset[str]:
    kind, about = kind_of(event), {event.data.get("conversation_id"), event.data.get("device_id")}
    if kind == "run":
        about.add(event.data.get("id"))
    if kind == "message":
        about.add(CONVERSATIONS)
    elif kind != "device":
        about.add(JOBS)
    return frozenset(name for name in about if name)


def may_hear(caller: Caller, event: Event) -> bool:
    if caller.device_id:
        return event.data.get("device_id") == caller.device_id
    return not caller.key_id or SCOPES.get(kind_of(event)) in caller.scopes


def access_to(channel: str) -> Access | None:
    """What listening to it takes; None for ``jobs``, where it is looked at with each event, and for what is no channel."""
    if channel == CONVERSATIONS:
        return _OF_CHANNELS["conv"]
    return _OF_CHANNELS.get(channel.partition("_")[0]) if is_channel(channel) else None


def is_channel(name: str) -> bool:
    return name in (JOBS, CONVERSATIONS) or any(is_id(name, prefix) for prefix in _OF_CHANNELS)


def check_jobs(caller: Caller) -> None:
    """Raises Forbidden for a key that would hear nothing there."""
    if caller.device_id:
        raise Forbidden("A device's key can only take and answer the device's own commands.", code="device_key")
    if caller.key_id and not caller.scopes & set(SCOPES.values()):
        raise Forbidden("This API key may read nothing that happens there.", code="insufficient_scope")


def frame_of(event: Event) -> dict[str, Any]:
    payload = {"type": event.type, "timestamp": rfc3339(event.timestamp), "data": dict(event.data)}
    return {"id": event.id, **payload}


def replay_after(since: str) -> str:
    """The id behind which a replay begins."""
    return first_id("evt", time_of(since) - OVERLAP)


def is_progress(event: Event) -> bool:
    return event.type.endswith(".progress")


def coalesced(events: Sequence[Event]) -> list[Event]:
    """Without the progress of a job that a later event of the same job makes old."""
    kept: list[Event] = []
    later: set[Any] = set()
    for event in reversed(events):
        about = event.data.get("id")
        if not (is_progress(event) and about in later):
            kept.append(event)
        if about:
            later.add(about)
    return kept[::-1]


def recent(progressed: Mapping[str, int], now: datetime) -> dict[str, int]:
    """What of it still holds something back."""
    since = (now - PROGRESS_EVERY).timestamp() * 1000
    return {job: at for job, at in progressed.items() if at > since}


def text_of(frame: Mapping[str, Any]) -> bytes:
    """A message as it is sent: compact JSON that always encodes to UTF-8."""
    return json.dumps(frame, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")


def names(channels: Iterable[str]) -> list[str]:
    return sorted(channels)

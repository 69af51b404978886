"""What administrators see of the work of everybody: jobs without what is in them, and queues."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from antiphon.speech.model import STEPS, Kind, Status

_OF_TRANSCRIBERS = (Kind.TRANSCRIPTION, *STEPS)
LANES: Mapping[str, tuple[tuple[Kind, ...], str]] = MappingProxyType(
    {
        "transcription": (_OF_TRANSCRIBERS, "standard"),
        "transcription_priority": (_OF_TRANSCRIBERS, "priority"),
        "speech": ((Kind.SPEECH,), "standard"),
        "speech_priority": ((Kind.SPEECH,), "priority"),
        "document": ((Kind.DOCUMENT,), ""),
        "edits": ((Kind.EDIT,), ""),
    }
)
"""Queues of jobs: the kinds that come over each, and the lane of those jobs; empty where all lanes come over it."""
QUEUES = (
    *LANES,
    "uploads",
    "fetch",
    "runs",
    "index",
    "deliveries",
    "mails",
    "pushes",
    "questions",
    "erasures",
)
"""All that work waits in."""
EVENTS = "events"
"""Dead letters of no queue: what the table's stream could not hand on."""


@dataclass(frozen=True)
class Sought:
    """What is None may be anything."""

    kind: Kind | None = None
    status: Status | None = None
    user_id: str | None = None


@dataclass(frozen=True)
class Depth:
    """``waiting``: may be taken now; ``delayed``: later; ``in_flight``: taken, and not done yet; ``dead_letters``: given up."""

    name: str
    waiting: int
    delayed: int
    in_flight: int
    dead_letters: int

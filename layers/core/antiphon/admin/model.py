"""What administrators see of the work of everybody: jobs without what is in them, and queues."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from antiphon.speech.model import Kind, Status

LANES: Mapping[str, tuple[tuple[Kind, ...], str]] = MappingProxyType(
    {
        "transcription": ((Kind.TRANSCRIPTION, Kind.ALIGNMENT, Kind.DIARIZATION, Kind.ASSIGNMENT), "standard"),
        "transcription_priority": (
            (Kind.TRANSCRIPTION, Kind.ALIGNMENT, Kind.DIARIZATION, Kind.ASSIGNMENT),
            "priority",
        ),
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

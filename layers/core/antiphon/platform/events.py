"""What others hear of a change: one event per state change, written in the same transaction as the change (the outbox)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

KEEP = timedelta(days=7)
MAIL = "mail"
"""The kind of a dispatch that is a mail to the user: ``lane`` is the letter, ``job_id`` what it tells of."""


@dataclass(frozen=True)
class Dispatch:
    """The work that goes to a queue with this event: ``kind`` and ``lane`` name the queue, the message holds the ids."""

    kind: str
    lane: str
    job_id: str


@dataclass(frozen=True)
class Event:
    """``data`` is thin: ids, state, links, below 20 KB; never text of a user, never a presigned address. ``wakes``: the key of a work that
    jobs have waited for, and that is not done any more; ``frees``: the kind of worker that has one job of the user less in hand; ``counts``: what is
    added to the counters of the hour (see tally); ``measured``: what the operator's metrics hear with it, by their names."""

    id: str
    user_id: str
    type: str
    timestamp: datetime
    data: Mapping[str, Any]
    dispatch: Dispatch | None = None
    callback_url: str | None = None
    request_id: str | None = None
    wakes: str | None = None
    measured: Mapping[str, float] = field(default_factory=dict)
    frees: str | None = None
    counts: Mapping[str, int] = field(default_factory=dict)

"""A run: an answer that takes steps and tools, in the background.

::

    queued ──claim──► running ──wait──► waiting (for jobs that its tools started) ──claim──► running ──► succeeded
      ▲                 │ ▲                                                                   │  │
      └──hand back──────┘ └── take over, when the lease has ended ────────────────────────────┘  └──► failed
                                                         cancel: from any of the first three ──► canceled

Each change raises ``version``; a store writes it on condition that the row is still what the change began with.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from antiphon.conversations.model import ChatOptions, Citation
from antiphon.engines.chat import Source
from antiphon.platform.errors import AntiphonError, Conflict
from antiphon.platform.events import Dispatch, Event
from antiphon.platform.ids import derived_id
from antiphon.speech.model import Failure

MAX_STEPS, MAX_CALLS, MAX_TOKENS = 10, 20, 100_000
"""Of one run: questions to the model, calls of tools, tokens read and written."""
MAX_WORK = timedelta(minutes=10)
"""Of working; waiting for jobs and for people is not in it."""
MAX_WAIT = timedelta(hours=24)
MAX_CLAIMS_LOST = 5
"""A run that so many workers died with is given up."""
MAX_RESULT = 6_000
"""Characters of a tool's result that the model reads."""
LEASE = timedelta(seconds=150)
GRACE = timedelta(seconds=60)
"""How long after its moment a message is taken for lost, and sent again by the janitor."""
SKEW = timedelta(seconds=5)


class RunFailed(AntiphonError):
    """Ends a run, with a code for its error; never an HTTP answer."""


class Status(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    WAITING = "waiting"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"


TERMINAL = frozenset({Status.SUCCEEDED, Status.FAILED, Status.CANCELED})


class CallStatus(StrEnum):
    PENDING = "pending"
    WAITING = "waiting"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(frozen=True)
class Called:
    """One call of a tool. ``id``: as the model named it; ``waits_for``: the job or command whose end is its end; ``result``: what the model reads of it;
    ``output``: ids and links for people; ``sources``: passages that the answer may cite."""

    id: str
    name: str
    arguments: Mapping[str, Any]
    status: CallStatus = CallStatus.PENDING
    waits_for: str | None = None
    result: str = ""
    output: Mapping[str, Any] = field(default_factory=dict)
    sources: tuple[Source, ...] = ()

    @property
    def open(self) -> bool:
        return self.status in (CallStatus.PENDING, CallStatus.WAITING)


@dataclass(frozen=True)
class Step:
    """What the model said, and which tools it called. ``forced``: by the request, without the model: a recording to be heard, a chart asked for by its
    prefix, an answer to be spoken."""

    text: str = ""
    calls: tuple[Called, ...] = ()
    forced: bool = False


@dataclass(frozen=True)
class Run:
    """``tools``: that it may call; ``speak``: how the answer is to be spoken, None for not at all; ``answer``: the model's last word, while it is being spoken, with its ``citations``;
    ``lost``: workers that died with it; ``worked``: time it took so far; ``options``: over those of the conversation."""

    id: str
    user_id: str
    tier: str
    conversation_id: str
    message_id: str
    created_at: datetime
    updated_at: datetime
    status: Status = Status.QUEUED
    version: int = 1
    model: str | None = None
    options: ChatOptions = field(default_factory=ChatOptions)
    tools: tuple[str, ...] = ()
    parts: tuple[Mapping[str, Any], ...] = ()
    speak: Mapping[str, Any] | None = None
    steps: tuple[Step, ...] = ()
    answer: str | None = None
    citations: tuple[Citation, ...] = ()
    reply_id: str | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    waiting_since: datetime | None = None
    lease_until: datetime | None = None
    due_at: datetime | None = None
    lost: int = 0
    worked: timedelta = timedelta(0)
    tokens_in: int = 0
    tokens_out: int = 0
    error: Failure | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    request_id: str | None = None

    @property
    def ended(self) -> bool:
        return self.status in TERMINAL

    @property
    def asked(self) -> int:
        """How often the model was asked."""
        return sum(not step.forced for step in self.steps)

    @property
    def calls(self) -> tuple[Called, ...]:
        return tuple(call for step in self.steps for call in step.calls)

    @property
    def sources(self) -> tuple[Source, ...]:
        return tuple(source for call in self.calls for source in call.sources)

    @property
    def progress(self) -> int:
        """It is not known how many steps there will be: each takes a part of what is left."""
        if self.status is Status.SUCCEEDED:
            return 100
        done = len(self.steps) - any(call.open for call in self.calls) * 0.5
        return round(95 * (1 - 0.7**done)) if self.started_at else 0

    def expected_later(self, now: datetime) -> bool:
        """Whether another message of it is on its way: of two that look after one run, one ends."""
        return self.status is Status.WAITING and self.due_at is not None and self.due_at - now > GRACE + SKEW

    def leased(self, now: datetime) -> bool:
        return self.status is Status.RUNNING and self.lease_until is not None and self.lease_until > now


@dataclass(frozen=True)
class Change:
    """before: None for a new run."""

    before: Run | None
    after: Run
    event: Event | None = None


def create(run: Run, now: datetime) -> Change:
    made = replace(run, due_at=now + GRACE)
    return Change(None, made, _event(made, "queued", now, dispatch=True))


def claim(run: Run, now: datetime) -> Change:
    """Raises Conflict: another worker has it, or it has ended."""
    if run.ended or run.leased(now):
        raise Conflict(f"The run is {run.status.value}.", code="run_state")
    lost = run.lost + (run.status is Status.RUNNING)
    until = now + LEASE
    after = _moved(
        run, now, status=Status.RUNNING, started_at=run.started_at or now, lost=lost, lease_until=until, due_at=until
    )
    return Change(run, after, None if run.started_at else _event(after, "started", now))


def advance(run: Run, now: datetime, spent: timedelta, **found: Any) -> Change:
    """A step is done, or the tools of one. found: steps, answer, parts, tokens_in, tokens_out."""
    until = now + LEASE
    after = _moved(run, now, lease_until=until, due_at=until, worked=run.worked + spent, **found)
    return Change(run, after, _event(after, "progress", now))


def wait(run: Run, now: datetime) -> Change:
    """For the jobs of its open calls. Nobody works on it meanwhile."""
    since = run.waiting_since or now
    after = _moved(run, now, status=Status.WAITING, waiting_since=since, lease_until=None, due_at=now + GRACE)
    return Change(run, after, None if run.status is Status.WAITING else _event(after, "progress", now))


def hand_back(run: Run, now: datetime) -> Change:
    """The worker's time is over."""
    return Change(run, _moved(run, now, status=Status.QUEUED, lease_until=None, due_at=now + GRACE))


def finish(run: Run, now: datetime, reply_id: str) -> Change:
    after = _ended(run, now, Status.SUCCEEDED, reply_id=reply_id)
    return Change(run, after, _event(after, "succeeded", now))


def fail(run: Run, failure: Failure, now: datetime) -> Change:
    after = _ended(run, now, Status.FAILED, error=failure)
    return Change(run, after, _event(after, "failed", now))


def cancel(run: Run, now: datetime) -> Change:
    """Raises Conflict for one that has ended."""
    if run.ended:
        raise Conflict(f"The run is {run.status.value} already; there is nothing to cancel.", code="run_ended")
    after = _ended(run, now, Status.CANCELED)
    return Change(run, after, _event(after, "canceled", now))


def expect(run: Run, at: datetime) -> Change:
    """Its next message comes at this moment."""
    return Change(run, replace(run, version=run.version + 1, due_at=at + GRACE))


def _moved(run: Run, now: datetime, **changes: Any) -> Run:
    return replace(run, version=run.version + 1, updated_at=now, **changes)


def _ended(run: Run, now: datetime, status: Status, **changes: Any) -> Run:
    return _moved(run, now, status=status, finished_at=now, lease_until=None, due_at=None, **changes)


def _event(run: Run, name: str, now: datetime, *, dispatch: bool = False) -> Event:
    data = {
        "id": run.id,
        "kind": "run",
        "status": run.status.value,
        "sequence": run.version,
        "progress": run.progress,
        "error": {"code": run.error.code, "detail": run.error.detail} if run.error else None,
        "metadata": dict(run.metadata),
        "links": {"self": f"/v1/runs/{run.id}", "messages": f"/v1/conversations/{run.conversation_id}/messages"},
        "conversation_id": run.conversation_id,
    }
    return Event(
        id=derived_id("evt", now, run.id, str(run.version), order=run.version),
        user_id=run.user_id,
        type=f"run.{name}",
        timestamp=now,
        data=MappingProxyType(data),
        dispatch=Dispatch("run", "standard", run.id) if dispatch else None,
        request_id=run.request_id,
    )

"""What runs need from outside."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from antiphon.conversations.model import Message
from antiphon.engines.chat import Source
from antiphon.platform.pages import Page
from antiphon.runs.model import Change, Run


class Stale(Exception):
    """The row is no longer what the change began with: read again and decide again. Never reaches a user."""


class RunStore(Protocol):
    def get(self, user_id: str, run_id: str) -> Run | None:
        """One consistent read."""

    def page(
        self, user_id: str, limit: int, position: str | None = None, conversation_id: str | None = None
    ) -> Page[Run]:
        """Newest first."""

    def apply(
        self,
        change: Change,
        messages: Sequence[Message] = (),
        *,
        title: str | None = None,
        heard: str | None = None,
    ) -> None:
        """The run and its event, new messages of its conversation with theirs, a title where the user gave none, and what was heard in the recording as
        the text of the run's message; all or nothing. Raises Stale, also where the conversation is gone."""

    def due(self, now: datetime) -> Iterator[Run]:
        """Runs that nothing happened to for too long."""


class RunQueue(Protocol):
    def send(
        self, user_id: str, run_id: str, *, delay: timedelta = timedelta(0), request_id: str | None = None
    ) -> None:
        """delay: rounded up to whole seconds, at most 15 minutes."""


@dataclass(frozen=True)
class Result:
    """``text``: what the model reads, as data; ``output``: ids and links for people; ``failed``: the tool could not do it, and ``text`` says why."""

    text: str
    output: Mapping[str, Any] = field(default_factory=dict)
    sources: tuple[Source, ...] = ()
    failed: bool = False


@dataclass(frozen=True)
class Waiting:
    """``id``: of the job or command that the call has started."""

    id: str
    output: Mapping[str, Any] = field(default_factory=dict)


class Tool(Protocol):
    """What a run can do. It acts with the rights of its user, through the use cases of the API."""

    name: str
    description: str
    parameters: Mapping[str, Any]
    """JSON Schema of the arguments."""

    def call(self, run: Run, arguments: Mapping[str, Any], seed: str) -> Result | Waiting:
        """seed: the same for the same call, so that a repeat starts nothing twice. Raises AntiphonError, which the model gets to read."""

    def check(self, run: Run, waits_for: str) -> Result | None:
        """None while what the call has started goes on."""

"""Runs: begun, looked at, canceled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from antiphon.conversations.model import MAX_CONTENT, ChatOptions, Message, title_of, type_of
from antiphon.conversations.ports import ConversationStore
from antiphon.platform.clock import Clock
from antiphon.platform.errors import Conflict, Field, Invalid, NotFound, TooLarge, Unavailable
from antiphon.platform.ids import new_id
from antiphon.platform.pages import Page
from antiphon.runs.model import Run, cancel, create
from antiphon.runs.ports import RunStore, Stale

_ROUNDS = 6
MAX_OPEN = 10
"""Runs of one user that have not ended."""


@dataclass(frozen=True)
class Wanted:
    """``tools``: names, None for all; ``seed``: of a repeated request."""

    user_id: str
    tier: str
    content: str
    options: ChatOptions = field(default_factory=ChatOptions)
    model: str | None = None
    parts: tuple[Mapping[str, Any], ...] = ()
    tools: tuple[str, ...] | None = None
    speak: Mapping[str, Any] | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    seed: str | None = None
    request_id: str | None = None


class Runs:
    """tools: names of those that there are."""

    def __init__(
        self, *, store: RunStore, conversations: ConversationStore, tools: Sequence[str], clock: Clock
    ) -> None:
        self._store = store
        self._conversations = conversations
        self._tools = tuple(tools)
        self._clock = clock

    def start(self, conversation_id: str, wanted: Wanted) -> Run:
        """Stores the user's message; the rest happens in the background. Raises NotFound, Invalid, TooLarge, Conflict ``too_many_runs``."""
        conversation = self._conversations.get(wanted.user_id, conversation_id)
        if conversation is None:
            raise NotFound("There is no such conversation.")
        if len(wanted.content) > MAX_CONTENT:
            raise TooLarge("The message is too long; shorten it, or attach it.", code="message_too_long")
        unknown = [name for name in wanted.tools or () if name not in self._tools]
        if unknown:
            raise Invalid(
                f"There is no tool {unknown[0]!r}.",
                code="unknown_tool",
                fields=(Field("tools", "Choose of: " + ", ".join(self._tools) + "."),),
            )
        run_id = f"run_{wanted.seed}" if wanted.seed else new_id("run")
        if known := self._store.get(wanted.user_id, run_id):
            return known
        newest = self._store.page(wanted.user_id, 50).items
        if sum(not run.ended for run in newest) >= MAX_OPEN:
            raise Conflict(
                f"{MAX_OPEN} runs of yours have not ended; wait for one, or cancel one.",
                code="too_many_runs",
                retry_after=10,
            )
        now = self._clock()
        message = Message(
            id=f"msg_{wanted.seed}" if wanted.seed else new_id("msg"),
            conversation_id=conversation.id,
            user_id=wanted.user_id,
            role="user",
            content=wanted.content,
            created_at=now,
            touched_at=now,
            type=type_of(wanted.parts),
            parts=wanted.parts,
        )
        run = Run(
            id=run_id,
            user_id=wanted.user_id,
            tier=wanted.tier,
            conversation_id=conversation.id,
            message_id=message.id,
            created_at=now,
            updated_at=now,
            model=wanted.model or conversation.model,
            options=wanted.options.over(conversation.options),
            tools=self._tools if wanted.tools is None else wanted.tools,
            parts=wanted.parts,
            speak=wanted.speak,
            metadata=wanted.metadata,
            request_id=wanted.request_id,
        )
        untitled = not conversation.title_given and not conversation.message_count and wanted.content
        try:
            self._store.apply(create(run, now), [message], title=title_of(wanted.content) if untitled else None)
        except Stale:
            known = self._store.get(wanted.user_id, run_id)
            if known is None:
                raise NotFound("There is no such conversation.") from None
            return known
        return run

    def get(self, user_id: str, run_id: str) -> Run:
        """Raises NotFound."""
        found = self._store.get(user_id, run_id)
        if found is None:
            raise NotFound("There is no such run.")
        return found

    def page(
        self, user_id: str, limit: int, position: str | None = None, conversation_id: str | None = None
    ) -> Page[Run]:
        """Newest first."""
        return self._store.page(user_id, limit, position, conversation_id)

    def cancel(self, user_id: str, run_id: str) -> Run:
        """A worker that has it stops within seconds; jobs that it has started go on. Raises NotFound, Conflict ``run_ended``."""
        for _ in range(_ROUNDS):
            change = cancel(self.get(user_id, run_id), self._clock())
            try:
                self._store.apply(change)
            except Stale:
                continue
            return change.after
        raise Unavailable("The run changes too fast; repeat in a moment.", retry_after=1)

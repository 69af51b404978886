"""Fakes of the store and the queue of runs, for tests."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from antiphon.conversations.memory import MemoryConversations
from antiphon.conversations.model import Message
from antiphon.platform.events import Event
from antiphon.platform.pages import Page
from antiphon.runs.model import Change, Run
from antiphon.runs.ports import Stale


class MemoryRuns:
    """``events``: those of runs."""

    def __init__(self, conversations: MemoryConversations) -> None:
        self._rows: dict[str, Run] = {}
        self._conversations = conversations
        self._lock = threading.Lock()
        self.events: list[Event] = []

    def get(self, user_id: str, run_id: str) -> Run | None:
        found = self._rows.get(run_id)
        return found if found and found.user_id == user_id else None

    def page(
        self, user_id: str, limit: int, position: str | None = None, conversation_id: str | None = None
    ) -> Page[Run]:
        own = sorted((r for r in self._rows.values() if r.user_id == user_id), key=lambda r: r.id, reverse=True)
        own = [r for r in own if (position is None or r.id < position) and conversation_id in (None, r.conversation_id)]
        return Page(tuple(own[:limit]), own[limit - 1].id if len(own) > limit else None)

    def apply(
        self,
        change: Change,
        messages: Sequence[Message] = (),
        *,
        title: str | None = None,
        heard: str | None = None,
    ) -> None:
        with self._lock:
            known = self._rows.get(change.after.id)
            if known == change.after:
                return
            if (known and known.version) != (change.before and change.before.version):
                raise Stale
            if messages and not self._conversations.add(messages, title=title):
                raise Stale
            if heard is not None:
                self._conversations.heard(change.after.conversation_id, change.after.message_id, heard)
            self._rows[change.after.id] = change.after
            if change.event:
                self.events.append(change.event)

    def due(self, now: datetime) -> Iterator[Run]:
        return iter([run for run in self._rows.values() if run.due_at and run.due_at <= now])


class MemoryRunQueue:
    """``sent``: user, run and delay."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str, timedelta]] = []

    def send(
        self, user_id: str, run_id: str, *, delay: timedelta = timedelta(0), request_id: str | None = None
    ) -> None:
        self.sent.append((user_id, run_id, delay))

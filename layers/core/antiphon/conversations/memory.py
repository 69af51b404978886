"""Fakes of the chat stores, for tests."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from antiphon.conversations.budget import Reserved
from antiphon.conversations.model import SILENT_FOR, Conversation, Message, Said, Status, created_event
from antiphon.conversations.ports import Stale
from antiphon.engines.chat import Source
from antiphon.identity.tiers import Limits
from antiphon.platform.events import Event
from antiphon.platform.pages import Page
from antiphon.speech.metering import QuotaExceeded


class MemoryConversations:
    """``events``: what was written with a change; ``tokens``: used and set aside, by user."""

    def __init__(self) -> None:
        self._rows: dict[str, Conversation] = {}
        self._messages: dict[tuple[str, str], Message] = {}
        self._lock = threading.Lock()
        self.events: list[Event] = []
        self.tokens: Counter[str] = Counter()

    def create(self, conversation: Conversation) -> None:
        with self._lock:
            self._rows.setdefault(conversation.id, conversation)

    def get(self, user_id: str, conversation_id: str) -> Conversation | None:
        found = self._rows.get(conversation_id)
        return found if found and found.user_id == user_id else None

    def page(self, user_id: str, limit: int, position: str | None = None) -> Page[Conversation]:
        own = sorted((c for c in self._rows.values() if c.user_id == user_id), key=lambda c: c.id, reverse=True)
        rest = [c for c in own if position is None or c.id < position]
        return Page(tuple(rest[:limit]), rest[limit - 1].id if len(rest) > limit else None)

    def change(self, before: Conversation, after: Conversation) -> None:
        with self._lock:
            now = self.get(before.user_id, before.id)
            if now is None or now.version != before.version:
                raise Stale
            self._rows[before.id] = replace(after, message_count=now.message_count)

    def delete(self, user_id: str, conversation_id: str) -> int:
        with self._lock:
            gone = [key for key in self._messages if key[0] == conversation_id]
            for key in gone:
                del self._messages[key]
            self._rows.pop(conversation_id, None)
            return len(gone) + 1

    def begin(self, message: Message, reply: Message, limits: Limits, now: datetime) -> None:
        with self._lock:
            if (reply.conversation_id, reply.id) in self._messages:
                return
            known = self.get(message.user_id, message.conversation_id)
            if known is None:
                raise Stale
            if self.tokens[message.user_id] + reply.reserved > limits.tokens:
                raise QuotaExceeded("tokens", limits.tokens, now)
            self.tokens[message.user_id] += reply.reserved
            self._rows[known.id] = replace(known, message_count=known.message_count + 2, updated_at=now)
            for each in (message, reply):
                self._messages[each.conversation_id, each.id] = each
            self.events.append(created_event(message, message.created_at, None))

    def add(self, messages: Sequence[Message], *, title: str | None = None) -> bool:
        """False where their conversation is not there."""
        for message in messages:
            known = self._rows.get(message.conversation_id)
            if known is None:
                return False
            self._rows[known.id] = replace(known, message_count=known.message_count + 1, title=title or known.title)
            self._messages[message.conversation_id, message.id] = message
            self.events.append(created_event(message, message.created_at, None))
        return True

    def heard(self, conversation_id: str, message_id: str, text: str) -> None:
        self._messages[conversation_id, message_id] = replace(self._messages[conversation_id, message_id], content=text)

    def progress(self, reply: Message) -> bool:
        with self._lock:
            known = self.message(reply.conversation_id, reply.id)
            if known is None or known.status is not Status.STREAMING:
                return False
            grown = replace(known, content=reply.content, touched_at=reply.touched_at)
            self._messages[reply.conversation_id, reply.id] = grown
            return True

    def finish(self, reply: Message, events: Sequence[Event], title: str | None) -> bool:
        with self._lock:
            known = self.message(reply.conversation_id, reply.id)
            if known is not None and known.status is not Status.STREAMING:
                return known == replace(reply, reserved=0)
            cost = (reply.tokens_in if reply.tokens_in is not None else reply.reserved) + (reply.tokens_out or 0)
            cost = min(cost, reply.reserved) if reply.tokens_in is None else cost
            self.tokens[reply.user_id] += cost - reply.reserved
            if known is None:
                return False
            self._messages[reply.conversation_id, reply.id] = replace(reply, reserved=0)
            self.events.extend(events)
            conversation = self._rows.get(reply.conversation_id)
            if title and conversation and not conversation.title_given:
                self._rows[conversation.id] = replace(conversation, title=title)
            return True

    def message(self, conversation_id: str, message_id: str) -> Message | None:
        return self._messages.get((conversation_id, message_id))

    def messages(self, conversation_id: str, limit: int, position: str | None = None) -> Page[Message]:
        rest = [m for m in self._newest(conversation_id) if position is None or m.id < position]
        return Page(tuple(rest[:limit]), rest[limit - 1].id if len(rest) > limit else None)

    def history(self, conversation_id: str, before: str) -> Iterator[Said]:
        yield from (Said(m.id, m.role, m.content) for m in self._newest(conversation_id) if m.id < before)

    def told(self, conversation_id: str) -> Iterator[Message]:
        return iter(self._newest(conversation_id)[::-1])

    def abandoned(self, now: datetime) -> Iterator[Message]:
        for found in list(self._messages.values()):
            if found.status is Status.STREAMING and found.touched_at + SILENT_FOR <= now:
                yield found

    def _newest(self, conversation_id: str) -> list[Message]:
        own = (m for (c, _), m in self._messages.items() if c == conversation_id)
        return sorted(own, key=lambda m: m.id, reverse=True)


class NoPassages:
    """``given``: what every question finds."""

    def __init__(self, *given: Source) -> None:
        self.given = given

    def attached(self, user_id: str, parts: Sequence[Mapping[str, Any]], room: int) -> tuple[Source, ...]:
        return self.given if parts else ()

    def fitting(self, user_id: str, conversation_id: str, question: str, before: str) -> tuple[Source, ...]:
        return self.given


class MemoryBudget:
    """``tokens``: used and set aside, by user."""

    def __init__(self) -> None:
        self._held: dict[str, Reserved] = {}
        self._lock = threading.Lock()
        self.tokens: Counter[str] = Counter()

    def reserve(self, reserved: Reserved, limits: Limits, now: datetime) -> None:
        with self._lock:
            if reserved.id in self._held:
                return
            if self.tokens[reserved.user_id] + reserved.tokens > limits.tokens:
                raise QuotaExceeded("tokens", limits.tokens, now)
            self.tokens[reserved.user_id] += reserved.tokens
            self._held[reserved.id] = reserved

    def settle(self, reserved: Reserved, cost: int) -> bool:
        with self._lock:
            if self._held.pop(reserved.id, None) is None:
                return False
            self.tokens[reserved.user_id] += cost - reserved.tokens
            return True

    def abandoned(self, now: datetime) -> Iterator[Reserved]:
        yield from [held for held in self._held.values() if held.until <= now]

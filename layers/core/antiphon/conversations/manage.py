"""Conversations: made, listed, changed, deleted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from antiphon.conversations.model import UNTITLED, ChatOptions, Conversation, Message
from antiphon.conversations.ports import ConversationStore, Stale
from antiphon.platform.clock import Clock
from antiphon.platform.errors import NotFound, Unavailable
from antiphon.platform.ids import new_id
from antiphon.platform.pages import Page

_ROUNDS = 4
LOOKED_AT = 500
"""Conversations that one page of a filtered list looks at, at most."""


@dataclass(frozen=True)
class Wish:
    """What is None stays as it is. ``title``: empty for one that is made again from the next exchange."""

    title: str | None = None
    model: str | None = None
    archived: bool | None = None
    options: ChatOptions | None = None
    metadata: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Filter:
    """``q``: a part of the title, in any case."""

    archived: bool | None = None
    q: str | None = None

    def takes(self, conversation: Conversation) -> bool:
        return (self.archived is None or conversation.archived is self.archived) and (
            not self.q or self.q.casefold() in conversation.title.casefold()
        )


class Conversations:
    def __init__(self, store: ConversationStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def create(self, user_id: str, wish: Wish, seed: str | None = None) -> Conversation:
        """seed: of a repeated request."""
        now = self._clock()
        made = Conversation(
            id=f"conv_{seed}" if seed else new_id("conv"),
            user_id=user_id,
            created_at=now,
            updated_at=now,
            title=wish.title or UNTITLED,
            title_given=bool(wish.title),
            model=wish.model,
            archived=bool(wish.archived),
            options=wish.options or ChatOptions(),
            metadata=wish.metadata or {},
        )
        self._store.create(made)
        return made

    def get(self, user_id: str, conversation_id: str) -> Conversation:
        """Raises NotFound."""
        found = self._store.get(user_id, conversation_id)
        if found is None:
            raise NotFound("There is no such conversation.")
        return found

    def page(self, user_id: str, wanted: Filter, limit: int, position: str | None = None) -> Page[Conversation]:
        """Newest first. A page of a filtered list may be shorter than asked for, with more behind it."""
        found: list[Conversation] = []
        for _ in range(0, LOOKED_AT, 100):
            page = self._store.page(user_id, 100 if wanted != Filter() else limit, position)
            for conversation in page.items:
                position = conversation.id
                if wanted.takes(conversation):
                    found.append(conversation)
                if len(found) == limit:
                    at_the_end = page.position is None and conversation is page.items[-1]
                    return Page(tuple(found), None if at_the_end else position)
            position = page.position
            if position is None:
                break
        return Page(tuple(found), position)

    def change(self, user_id: str, conversation_id: str, wish: Wish) -> Conversation:
        """Raises NotFound, Unavailable."""
        for _ in range(_ROUNDS):
            before = self.get(user_id, conversation_id)
            asked: dict[str, Any] = {name: value for name, value in vars(wish).items() if value is not None}
            if wish.title is not None:
                asked |= {"title": wish.title or UNTITLED, "title_given": bool(wish.title)}
            after = replace(before, **asked, updated_at=self._clock(), version=before.version + 1)
            try:
                self._store.change(before, after)
            except Stale:
                continue
            return self.get(user_id, conversation_id)
        raise Unavailable("The conversation changes too fast; repeat in a moment.", retry_after=1)

    def delete(self, user_id: str, conversation_id: str) -> int:
        """With all its messages; gives the number of rows. Raises NotFound."""
        self.get(user_id, conversation_id)
        return self._store.delete(user_id, conversation_id)

    def told(self, user_id: str, conversation_id: str) -> tuple[Conversation, Iterator[Message]]:
        """With all its messages, oldest first, read as they are taken. Raises NotFound."""
        found, now = self.get(user_id, conversation_id), self._clock()
        return found, (message.settled(now) for message in self._store.told(conversation_id))

    def messages(self, user_id: str, conversation_id: str, limit: int, position: str | None = None) -> Page[Message]:
        """Newest first. Raises NotFound."""
        self.get(user_id, conversation_id)
        page = self._store.messages(conversation_id, limit, position)
        now = self._clock()
        return Page(tuple(message.settled(now) for message in page.items), page.position)

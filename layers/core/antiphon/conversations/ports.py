"""What the chat use cases need from outside."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from antiphon.conversations.model import Conversation, Message, Said
from antiphon.engines.chat import Image, Source
from antiphon.identity.tiers import Limits
from antiphon.platform.events import Event
from antiphon.platform.pages import Page


class Stale(Exception):
    """The row is no longer as it was read, or is gone: read again. Never reaches a user."""


class ConversationStore(Protocol):
    def create(self, conversation: Conversation) -> None:
        """Does nothing where this very one is there."""

    def get(self, user_id: str, conversation_id: str) -> Conversation | None:
        """One consistent read."""

    def page(self, user_id: str, limit: int, position: str | None = None) -> Page[Conversation]:
        """Newest first."""

    def change(self, before: Conversation, after: Conversation) -> None:
        """Title, model, archived, options, metadata. Raises Stale."""

    def delete(self, user_id: str, conversation_id: str) -> int:
        """With all messages; gives the number of rows. Safe to repeat."""

    def begin(self, message: Message, reply: Message, limits: Limits, now: datetime) -> None:
        """A message and the empty reply to it, the count of the conversation and the tokens set aside, in one transaction. Does nothing where they are there.
        Raises Stale (no such conversation), QuotaExceeded ``tokens``."""

    def progress(self, reply: Message) -> bool:
        """What there is of it by now; False where it has ended."""

    def finish(self, reply: Message, events: Sequence[Event], title: str | None) -> bool:
        """The reply as it stays, the tokens that it really cost, the events, and a title where the user gave none; False where it had ended before."""

    def message(self, conversation_id: str, message_id: str) -> Message | None:
        """One consistent read."""

    def messages(self, conversation_id: str, limit: int, position: str | None = None) -> Page[Message]:
        """Newest first."""

    def history(self, conversation_id: str, before: str) -> Iterator[Said]:
        """Newest first, those before this message; read as they are taken."""

    def told(self, conversation_id: str) -> Iterator[Message]:
        """All, oldest first; read as they are taken."""

    def abandoned(self, now: datetime) -> Iterator[Message]:
        """Replies that were being written and that nobody looks after any more."""


class Pictures(Protocol):
    def __call__(self, user_id: str, parts: Sequence[Mapping[str, Any]]) -> tuple[Image, ...]:
        """The images among the parts of a message. Raises Invalid, TooLarge."""


class Passages(Protocol):
    """What of the user's own material an answer may rest on."""

    def attached(self, user_id: str, parts: Sequence[Mapping[str, Any]], room: int) -> tuple[Source, ...]:
        """parts: of a message. The segments of transcripts and of recordings that are transcribed, and stretches of documents among them, as many as fit into so many
        tokens. Raises Invalid for one that is not there or not done, Conflict for a recording that nobody has transcribed."""

    def fitting(self, user_id: str, conversation_id: str, question: str, before: str) -> tuple[Source, ...]:
        """From recent messages of the conversation and recent transcripts."""

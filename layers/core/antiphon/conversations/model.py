"""Conversations, their messages, and what of them a model gets to read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from antiphon.engines.chat import Settings, Turn, tokens_of
from antiphon.platform.events import Event
from antiphon.platform.ids import derived_id

MAX_TITLE, TITLE_FROM_TEXT = 200, 60
MAX_CONTENT = 100_000
"""Characters of one message."""
MAX_OUTPUT = 8_192
DEFAULT_OUTPUT = 1_024
SILENT_FOR = timedelta(seconds=90)
"""A reply that is being written is looked after this often at least; later than that, whoever wrote it has died."""
OVERHEAD = 8
"""Tokens that a message costs beside its text."""
UNTITLED = "New conversation"


class Status(StrEnum):
    """Of a message. ``STREAMING``: being written; ``INCOMPLETE``: ended before its end, what is there stays."""

    COMPLETE = "complete"
    STREAMING = "streaming"
    INCOMPLETE = "incomplete"


@dataclass(frozen=True)
class ChatOptions:
    """What a conversation or one request says of how to answer; None is: not said."""

    temperature: float | None = None
    top_p: float | None = None
    max_output_tokens: int | None = None
    system_prompt: str | None = None

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> ChatOptions:
        return cls(
            **{name: values.get(name) for name in ("temperature", "top_p", "max_output_tokens", "system_prompt")}
        )

    def over(self, other: ChatOptions) -> ChatOptions:
        """These, and where they say nothing, the other ones."""
        return replace(other, **{name: value for name, value in vars(self).items() if value is not None})

    @property
    def shown(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if value is not None}

    @property
    def settings(self) -> Settings:
        return Settings(self.temperature, self.top_p, self.max_output_tokens or DEFAULT_OUTPUT)


@dataclass(frozen=True)
class Conversation:
    """``title_given``: by the user, so that none is made; ``model``: None for the deployment's default; ``message_count``: exact; ``version`` grows
    with each change by its owner."""

    id: str
    user_id: str
    created_at: datetime
    updated_at: datetime
    title: str = UNTITLED
    title_given: bool = False
    model: str | None = None
    archived: bool = False
    options: ChatOptions = ChatOptions()
    metadata: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    message_count: int = 0
    version: int = 1


@dataclass(frozen=True)
class Citation:
    """A mark of an answer that leads to what the user has: ``quote`` stands in the thing of this id."""

    kind: str
    id: str
    quote: str
    start: float | None = None
    speaker: str | None = None
    page: int | None = None


@dataclass(frozen=True)
class Message:
    """``type``: text, audio, image or file; ``parts``: attachments, as they were sent; ``answers``: of a reply, the message that it answers; ``reserved``:
    tokens that were set aside until it is known what it costs; ``touched_at``: when it was written last; ``ended``: why it ended: stop, length, stopped (the reader
    left) or the code of an error."""

    id: str
    conversation_id: str
    user_id: str
    role: str
    content: str
    created_at: datetime
    touched_at: datetime
    type: str = "text"
    parts: tuple[Mapping[str, Any], ...] = ()
    status: Status = Status.COMPLETE
    model: str | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None
    latency_ms: int | None = None
    answers: str | None = None
    ended: str | None = None
    citations: tuple[Citation, ...] = ()
    reserved: int = 0
    month: str = ""

    def settled(self, now: datetime) -> Message:
        """As it is to be shown: what nobody writes any more is incomplete."""
        if self.status is Status.STREAMING and now - self.touched_at > SILENT_FOR:
            return replace(self, status=Status.INCOMPLETE, ended="interrupted")
        return self

    @property
    def tokens(self) -> int:
        """What it costs in a prompt, about."""
        return tokens_of(self.content) + OVERHEAD


@dataclass(frozen=True)
class Said:
    """Of a message, what a prompt needs; a fraction of what reading all of it costs."""

    id: str
    role: str
    content: str

    @property
    def tokens(self) -> int:
        """What it costs in a prompt, about."""
        return tokens_of(self.content) + OVERHEAD


def type_of(parts: Iterable[Mapping[str, Any]]) -> str:
    """Of a message, by what is attached to it."""
    kinds = {part["type"] for part in parts}
    if "audio" in kinds:
        return "audio"
    return "image" if "image" in kinds else "file" if kinds else "text"


def title_of(text: str) -> str:
    """From the first message: its first sentence, or as many of its words as fit."""
    line = next((part for part in map(str.strip, text.splitlines()) if part), "")
    line = " ".join(re.sub(r"[`#*_>\[\]]+", " ", line).split())
    sentence = re.match(r".{3,}?[.!?。؟](?=\s|$)", line)
    short = sentence[0] if sentence else line
    if len(short) > TITLE_FROM_TEXT:
        short = short[:TITLE_FROM_TEXT].rsplit(" ", 1)[0] + " …"
    return short or UNTITLED


def turns_within(messages: Iterable[Said], room: int) -> tuple[Turn, ...]:
    """messages: newest first; room: tokens. The newest that fit, oldest first, beginning with one of the user: never a part of a message, never an old one in
    place of a newer one."""
    kept: list[Said] = []
    for message in messages:
        room -= message.tokens
        if room < 0:
            break
        if message.content:
            kept.append(message)
    while kept and kept[-1].role != "user":
        kept.pop()
    return tuple(Turn("user" if m.role == "user" else "assistant", m.content) for m in reversed(kept))


def created_event(message: Message, now: datetime, request_id: str | None) -> Event:
    """``message.created``: thin, without what was said."""
    data = {
        "id": message.id,
        "kind": "message",
        "role": message.role,
        "status": message.status.value,
        "sequence": 1,
        "links": {"self": f"/v1/conversations/{message.conversation_id}/messages"},
        "conversation_id": message.conversation_id,
    }
    tokens = (message.tokens_in or 0) + (message.tokens_out or 0)
    return Event(
        counts={"tokens": tokens} if tokens else {},
        id=derived_id("evt", now, message.id, "created"),
        user_id=message.user_id,
        type="message.created",
        timestamp=now,
        data=MappingProxyType(data),
        request_id=request_id,
    )

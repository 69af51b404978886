"""One exchange: the user's message, and the model's answer to it as it comes.

What the reader sees is what is stored: pieces are handed on as they come and written every half second and at the end, also when the reader leaves or the model
fails. The tokens that it may cost are set aside before the model is asked and settled afterwards; where this process dies in between, `Settle` does it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar, cast

from antiphon.conversations.citations import citations_in
from antiphon.conversations.model import (
    MAX_CONTENT,
    OVERHEAD,
    ChatOptions,
    Conversation,
    Message,
    Status,
    created_event,
    title_of,
    turns_within,
    type_of,
)
from antiphon.conversations.ports import ConversationStore, Passages, Pictures, Stale
from antiphon.engines.chat import (
    DATA_RULE,
    IMAGE_TOKENS,
    ChatModel,
    Done,
    Image,
    ModelError,
    Prompt,
    Source,
    Turn,
    data_part,
    tokens_of,
)
from antiphon.engines.chat_models import ChatModels
from antiphon.identity.tiers import limits_of
from antiphon.platform.clock import Clock
from antiphon.platform.errors import AntiphonError, Invalid, NotFound, TooLarge
from antiphon.platform.ids import derived_id, new_id, time_of
from antiphon.speech.metering import month_at

WRITE_EVERY = 0.5
"""Seconds between two writes of a reply that grows."""
SAFETY = 0.9
"""Of the model's context: our count of tokens is an estimate."""
T = TypeVar("T")


@dataclass(frozen=True)
class Asked:
    """One request. ``options``: over those of the conversation; ``parts``: what is attached; ``seed``: of a repeated request."""

    user_id: str
    tier: str
    content: str
    options: ChatOptions = field(default_factory=ChatOptions)
    parts: tuple[Mapping[str, Any], ...] = ()
    model: str | None = None
    seed: str | None = None
    request_id: str | None = None


@dataclass(frozen=True)
class Begun:
    """Stored, and the model not asked yet."""

    message: Message
    reply: Message


@dataclass(frozen=True)
class Text:
    """The next piece; ``end``: how many characters of the reply there are with it."""

    text: str
    end: int


@dataclass(frozen=True)
class Ended:
    """``error``: why it is not whole, None where it is."""

    reply: Message
    error: AntiphonError | None = None


class Answer:
    def __init__(
        self,
        *,
        store: ConversationStore,
        models: ChatModels,
        passages: Passages,
        pictures: Pictures,
        clock: Clock,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._models = models
        self._passages = passages
        self._pictures = pictures
        self._clock = clock
        self._monotonic = monotonic

    async def __call__(self, conversation_id: str, asked: Asked) -> AsyncIterator[Begun | Text | Ended]:
        """Raises before the first event: NotFound, TooLarge, Invalid, QuotaExceeded, Unavailable. After it everything is in `Ended`."""
        conversation, model, prompt, message, reply = await _off(partial(self._prepare, conversation_id, asked))
        if reply.status is not Status.STREAMING:  # a repeat of a request that was done
            yield Begun(message, reply)
            yield Text(reply.content, len(reply.content))
            yield Ended(reply, None if reply.status is Status.COMPLETE else _why(reply))
            return
        started = self._monotonic()
        text, done, error, written = "", None, None, started
        try:
            yield Begun(message, reply)
            async with aclosing(cast(Any, model.stream(prompt))) as pieces:
                async for piece in pieces:
                    if isinstance(piece, Done):
                        done = piece
                        continue
                    text += piece.text
                    yield Text(piece.text, len(text))
                    if self._monotonic() - written >= WRITE_EVERY:
                        written = self._monotonic()
                        growing = replace(reply, content=text, touched_at=self._clock())
                        if not await _off(partial(self._store.progress, growing)):
                            raise _deleted()
        except AntiphonError as failed:
            error = failed
        except (asyncio.CancelledError, GeneratorExit):
            # The reader has left. Nobody waits: written here and now, before this task ends.
            self._store.finish(*self._ending(asked, conversation, reply, prompt, text, done, "stopped", started))
            raise
        reason = error.code if error else done.reason if done else "interrupted"
        final, events, title = self._ending(asked, conversation, reply, prompt, text, done, reason, started)
        await _off(partial(self._store.finish, final, events, title))
        yield Ended(final, error)

    def _prepare(self, conversation_id: str, asked: Asked) -> tuple[Conversation, ChatModel, Prompt, Message, Message]:
        conversation = self._store.get(asked.user_id, conversation_id)
        if conversation is None:
            raise NotFound("There is no such conversation.")
        model = self._models.get(asked.model) if asked.model else self._models.kept(conversation.model)
        options = asked.options.over(conversation.options)
        now = self._clock()
        seeded = asked.seed
        message = Message(
            id=f"msg_{seeded}" if seeded else new_id("msg"),
            conversation_id=conversation.id,
            user_id=asked.user_id,
            role="user",
            content=asked.content,
            created_at=now,
            touched_at=now,
            type=type_of(asked.parts),
            parts=asked.parts,
        )
        room = int(model.about.context_tokens * SAFETY) - options.settings.max_output_tokens
        room -= tokens_of(options.system_prompt or "") + OVERHEAD
        images = pictures_for(model, self._pictures(asked.user_id, asked.parts))
        room -= IMAGE_TOKENS * len(images)
        if len(asked.content) > MAX_CONTENT or message.tokens > room:
            raise TooLarge(
                f"The message is too long for {model.about.name}; shorten it, or attach it.", code="message_too_long"
            )
        sources = self._sources(asked, conversation, model, message, (room - message.tokens) // 2)
        if sources:
            room -= tokens_of(data_part(sources)) + tokens_of(DATA_RULE)
        history = self._store.history(conversation.id, message.id)
        turns = (*turns_within(history, room - message.tokens), Turn("user", asked.content))
        prompt = Prompt(options.system_prompt or "", turns, options.settings, sources=sources, images=images)
        reply = Message(
            id=reply_id_of(message.id),
            conversation_id=conversation.id,
            user_id=asked.user_id,
            role="assistant",
            content="",
            created_at=now,
            touched_at=now,
            status=Status.STREAMING,
            model=model.about.name,
            answers=message.id,
            reserved=prompt_tokens(prompt) + options.settings.max_output_tokens,
            month=month_at(now),
        )
        known = self._store.message(conversation.id, reply.id) if seeded else None
        if known is not None:
            return conversation, model, prompt, message, known
        try:
            self._store.begin(message, reply, limits_of(asked.tier), now)
        except Stale:
            raise NotFound("There is no such conversation.") from None
        return conversation, model, prompt, message, reply

    def _sources(
        self, asked: Asked, conversation: Conversation, model: ChatModel, message: Message, room: int
    ) -> tuple[Source, ...]:
        attached = self._passages.attached(asked.user_id, asked.parts, room)
        if model.about.provider != "offline":
            return attached
        # It has nothing else to answer from.
        return attached + self._passages.fitting(asked.user_id, conversation.id, asked.content, message.id)

    def _ending(
        self,
        asked: Asked,
        conversation: Conversation,
        reply: Message,
        prompt: Prompt,
        text: str,
        done: Done | None,
        reason: str,
        started: float,
    ) -> tuple[Message, list[Any], str | None]:
        now = self._clock()
        whole = reason in ("stop", "length", "tool_calls")
        counted_in = done.tokens_in if done and done.tokens_in is not None else prompt_tokens(prompt)
        counted_out = done.tokens_out if done and done.tokens_out is not None else tokens_of(text)
        nothing = not text and not whole
        final = replace(
            reply,
            content=text,
            status=Status.COMPLETE if whole else Status.INCOMPLETE,
            touched_at=now,
            ended=reason,
            tokens_in=0 if nothing else counted_in,
            tokens_out=counted_out,
            latency_ms=round((self._monotonic() - started) * 1000),
            citations=citations_in(text, prompt.sources),
        )
        title = None if conversation.title_given or conversation.message_count else title_of(asked.content)
        return final, [created_event(final, now, asked.request_id)], title


class Settle:
    """Once a minute: replies whose writer died are ended as they are, and what was set aside for them is given back."""

    def __init__(self, store: ConversationStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def __call__(self) -> int:
        now, count = self._clock(), 0
        for reply in self._store.abandoned(now):
            out = tokens_of(reply.content)
            final = replace(
                reply,
                status=Status.INCOMPLETE,
                ended="interrupted",
                tokens_in=0 if not reply.content else None,
                tokens_out=out,
            )
            count += self._store.finish(final, [created_event(final, now, None)], None)
        return count


class Follow:
    """A reply from a character on, for whoever lost the connection: what is stored, and then what comes."""

    def __init__(self, store: ConversationStore, clock: Clock, *, pause: float = WRITE_EVERY / 2) -> None:
        self._store = store
        self._clock = clock
        self._pause = pause

    async def __call__(
        self, user_id: str, conversation_id: str, reply_id: str, after: int
    ) -> AsyncIterator[Text | Ended]:
        """Raises NotFound."""
        while True:
            reply = await _off(partial(self._read, user_id, conversation_id, reply_id))
            if len(reply.content) > after:
                yield Text(reply.content[after:], len(reply.content))
                after = len(reply.content)
            if reply.status is not Status.STREAMING:
                error = None if reply.status is Status.COMPLETE else _why(reply)
                yield Ended(reply, error)
                return
            await asyncio.sleep(self._pause)

    def _read(self, user_id: str, conversation_id: str, reply_id: str) -> Message:
        found = self._store.message(conversation_id, reply_id)
        if found is None or found.user_id != user_id or found.role != "assistant":
            raise NotFound("There is no such answer.")
        return found.settled(self._clock())


def reply_id_of(message_id: str) -> str:
    """Of the answer to it; it sorts right behind."""
    return derived_id("msg", time_of(message_id) + timedelta(milliseconds=1), message_id, "reply")


def prompt_tokens(prompt: Prompt) -> int:
    """About, rather more than less."""
    texts = [prompt.system, *(turn.text for turn in prompt.turns)]
    if prompt.sources:
        texts += [DATA_RULE, data_part(prompt.sources)]
    return sum(tokens_of(text) + OVERHEAD for text in texts) + IMAGE_TOKENS * len(prompt.images)


def pictures_for(model: ChatModel, images: tuple[Image, ...]) -> tuple[Image, ...]:
    """Raises Invalid where nobody would look at them."""
    if images and model.about.provider == "offline":
        raise Invalid(
            "Without a language model nobody sees an image; choose a model that does.", code="model_cannot_see"
        )
    return images


def _why(reply: Message) -> AntiphonError:
    return ModelError("The answer ended before its end; ask again.", code=reply.ended or "interrupted")


def _deleted() -> AntiphonError:
    return NotFound("The conversation was deleted.", code="conversation_deleted")


async def _off(work: Callable[[], T]) -> T:
    """Blocking work, outside the event loop. Not dropped when the reader leaves: what has begun is done."""
    return await asyncio.shield(asyncio.to_thread(work))


__all__ = ["Answer", "Asked", "Begun", "Ended", "Follow", "Settle", "Text", "reply_id_of"]

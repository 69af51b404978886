"""Conversations and messages in the table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any, cast

from pynamodb.attributes import BooleanAttribute, JSONAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.exceptions import PutError, TransactWriteError
from pynamodb.expressions.update import Action
from pynamodb.transactions import TransactWrite

from antiphon.conversations.model import (
    SILENT_FOR,
    ChatOptions,
    Citation,
    Conversation,
    Message,
    Said,
    Status,
    created_event,
)
from antiphon.conversations.ports import Stale
from antiphon.identity.tiers import Limits
from antiphon.platform.clock import from_rfc3339, rfc3339
from antiphon.platform.events import Event
from antiphon.platform.outbox import EventRow, event_row
from antiphon.platform.pages import Page
from antiphon.platform.table import DUE_SHARDS, DueIndex, Row, Table, code_of, conditions_failed, update_if
from antiphon.speech.metering import QuotaExceeded, Usage, quota_reached
from antiphon.speech.usage_dynamo import DynamoUsage

_TAKEN = "ConditionalCheckFailedException"
_PAGE = 50


class ConversationRow(Row):
    title = UnicodeAttribute()
    title_given = BooleanAttribute()
    model = UnicodeAttribute(null=True)
    archived = BooleanAttribute()
    options = JSONAttribute()
    meta = JSONAttribute()
    message_count = NumberAttribute()
    version = NumberAttribute()
    created_at = UnicodeAttribute()
    updated_at = UnicodeAttribute()


class MessageRow(Row):
    user_id = UnicodeAttribute()
    role = UnicodeAttribute()
    type = UnicodeAttribute()
    content = UnicodeAttribute()
    parts = JSONAttribute(null=True)
    status = UnicodeAttribute()
    model = UnicodeAttribute(null=True)
    tokens_in = NumberAttribute(null=True)
    tokens_out = NumberAttribute(null=True)
    latency_ms = NumberAttribute(null=True)
    answers = UnicodeAttribute(null=True)
    ended = UnicodeAttribute(null=True)
    citations = JSONAttribute(null=True)
    reserved = NumberAttribute(default=0)
    month = UnicodeAttribute(null=True)
    created_at = UnicodeAttribute()
    touched_at = UnicodeAttribute()


class DynamoConversations:
    def __init__(self, table: Table) -> None:
        self._table = table
        self._rows = table.bind(ConversationRow)
        self._messages = table.bind(MessageRow)
        self._events = table.bind(EventRow)
        self._any = table.bind(Row)
        self._usage = DynamoUsage(table)

    def create(self, conversation: Conversation) -> None:
        row = self._row(conversation)
        try:
            row.save(condition=self._rows.pk.does_not_exist())
        except PutError as error:
            if code_of(error) != _TAKEN:
                raise

    def get(self, user_id: str, conversation_id: str) -> Conversation | None:
        try:
            return _conversation(self._rows.get(f"user#{user_id}", f"conv#{conversation_id}", consistent_read=True))
        except self._rows.DoesNotExist:
            return None

    def page(self, user_id: str, limit: int, position: str | None = None) -> Page[Conversation]:
        last = {"pk": {"S": f"user#{user_id}"}, "sk": {"S": f"conv#{position}"}} if position else None
        rows = self._rows.query(
            f"user#{user_id}",
            self._rows.sk.startswith("conv#"),
            scan_index_forward=False,
            limit=limit + 1,
            last_evaluated_key=last,
            consistent_read=True,
        )
        found = [_conversation(row) for row in rows]
        return Page(tuple(found[:limit]), found[limit - 1].id if len(found) > limit else None)

    def change(self, before: Conversation, after: Conversation) -> None:
        rows = self._rows
        actions: list[Action] = [
            rows.title.set(after.title),
            rows.title_given.set(after.title_given),
            rows.model.set(after.model) if after.model else rows.model.remove(),
            rows.archived.set(after.archived),
            rows.options.set(after.options.shown),
            rows.meta.set(dict(after.metadata)),
            rows.version.set(after.version),
            rows.updated_at.set(rfc3339(after.updated_at)),
        ]
        if update_if(self._at(before.user_id, before.id), actions, rows.version == before.version):
            return
        now = self.get(before.user_id, before.id)
        if now is None or replace(now, message_count=0) != replace(after, message_count=0):
            raise Stale

    def delete(self, user_id: str, conversation_id: str) -> int:
        removed = 0
        # First the conversation: nothing is added to one that is not there.
        self._at(user_id, conversation_id).delete()
        keys = self._any.query(f"conv#{conversation_id}", consistent_read=True, attributes_to_get=["pk", "sk", "row"])
        with self._any.batch_write() as batch:
            for row in keys:
                batch.delete(self._any(row.pk, row.sk))
                removed += 1
        return removed + 1

    def begin(self, message: Message, reply: Message, limits: Limits, now: datetime) -> None:
        messages, rows = self._messages, self._rows
        here = self._at(message.user_id, message.conversation_id)
        counted: list[tuple[str, ...]] = []

        def fill(transaction: TransactWrite) -> None:
            transaction.save(self._message_row(message), condition=messages.pk.does_not_exist())
            transaction.save(self._message_row(reply), condition=messages.pk.does_not_exist())
            transaction.save(event_row(self._events, created_event(message, message.created_at, None)))
            grown: list[Action] = [rows.message_count.add(2), rows.updated_at.set(rfc3339(now))]
            transaction.update(here, grown, condition=rows.pk.exists())
            reserved = Usage(tokens=reply.reserved)
            counted[:] = self._usage.add(transaction, message.user_id, reply.month, reserved, {"tokens": limits.tokens})

        try:
            self._table.write(fill)
        except TransactWriteError as error:
            failed = conditions_failed(error)
            if not any(failed):
                raise
            if self.message(reply.conversation_id, reply.id) is not None:  # our own write whose answer was lost
                return
            if failed[-1]:
                self._usage.tell(quota_reached(message.user_id, "", reply.month, "tokens", now))
                raise QuotaExceeded("tokens", limits.tokens, now) from error
            raise Stale from error

    def add(self, transaction: TransactWrite, message: Message, *, title: str | None = None) -> None:
        """A new message that is whole, counted, with its event: what other stores write in their own transactions."""
        rows = self._rows
        here = self._at(message.user_id, message.conversation_id)
        grown: list[Action] = [rows.message_count.add(1), rows.updated_at.set(rfc3339(message.created_at))]
        if title:
            grown.append(rows.title.set(title))
        transaction.save(self._message_row(message), condition=self._messages.pk.does_not_exist())
        transaction.update(here, grown, condition=rows.pk.exists())
        transaction.save(event_row(self._events, created_event(message, message.created_at, None)))

    def heard(self, transaction: TransactWrite, conversation_id: str, message_id: str, text: str) -> None:
        """What a recording says, as the text of its message."""
        row = self._messages(f"conv#{conversation_id}", f"msg#{message_id}")
        transaction.update(row, [self._messages.content.set(text)], condition=self._messages.pk.exists())

    def progress(self, reply: Message) -> bool:
        rows = self._messages
        actions: list[Action] = [
            rows.content.set(reply.content),
            rows.touched_at.set(rfc3339(reply.touched_at)),
            rows.gsi1sk.set(rfc3339(reply.touched_at + SILENT_FOR)),
        ]
        return update_if(self._message_at(reply), actions, rows.status == Status.STREAMING.value)

    def finish(self, reply: Message, events: Sequence[Event], title: str | None) -> bool:
        messages, rows = self._messages, self._rows
        cost = (reply.tokens_in if reply.tokens_in is not None else reply.reserved) + (reply.tokens_out or 0)
        cost = min(cost, reply.reserved) if reply.tokens_in is None else cost

        def fill(transaction: TransactWrite) -> None:
            row = self._message_row(replace(reply, reserved=0))
            transaction.save(row, condition=messages.status == Status.STREAMING.value)
            for event in events:
                transaction.save(event_row(self._events, event))
            if title:
                here = self._at(reply.user_id, reply.conversation_id)
                # One that its owner gave meanwhile, or a conversation that is gone, would refuse the whole.
                transaction.update(here, [rows.title.set(title)], condition=rows.title_given == False)  # noqa: E712
            self._give_back(transaction, reply, cost)

        try:
            self._table.write(fill)
        except TransactWriteError as error:
            failed = conditions_failed(error)
            if not any(failed):
                raise
            if failed[0]:
                known = self.message(reply.conversation_id, reply.id)
                if known is None:  # deleted meanwhile: what it did not cost is given back all the same
                    self._table.write(lambda t: self._give_back(t, reply, cost))
                return known is not None and known == replace(reply, reserved=0)  # our own write whose answer was lost
            return self.finish(reply, events, None)
        return True

    def _give_back(self, transaction: TransactWrite, reply: Message, cost: int) -> None:
        self._usage.add(transaction, reply.user_id, reply.month, Usage(tokens=cost - reply.reserved), {})

    def message(self, conversation_id: str, message_id: str) -> Message | None:
        try:
            return _message(self._messages.get(f"conv#{conversation_id}", f"msg#{message_id}", consistent_read=True))
        except self._messages.DoesNotExist:
            return None

    def messages(self, conversation_id: str, limit: int, position: str | None = None) -> Page[Message]:
        found = [_message(row) for row in self._newest(conversation_id, limit + 1, position)]
        return Page(tuple(found[:limit]), found[limit - 1].id if len(found) > limit else None)

    def history(self, conversation_id: str, before: str) -> Iterator[Said]:
        pk = f"conv#{conversation_id}"
        rows = self._messages.query(
            pk,
            self._messages.sk.startswith("msg#"),
            scan_index_forward=False,
            page_size=_PAGE,
            last_evaluated_key={"pk": {"S": pk}, "sk": {"S": f"msg#{before}"}},
            attributes_to_get=["sk", "role", "content"],
            consistent_read=True,
        )
        return (Said(row.sk.removeprefix("msg#"), row.role, row.content) for row in rows)

    def told(self, conversation_id: str) -> Iterator[Message]:
        rows = self._messages.query(
            f"conv#{conversation_id}", self._messages.sk.startswith("msg#"), page_size=_PAGE, consistent_read=True
        )
        return map(_message, rows)

    def abandoned(self, now: datetime) -> Iterator[Message]:
        for shard in range(DUE_SHARDS):
            for row in self._messages.due.query(f"due#reply#{shard}", DueIndex.gsi1sk <= rfc3339(now)):
                found = _message(cast(MessageRow, row))
                if found.status is Status.STREAMING:
                    yield found

    def _newest(self, conversation_id: str, limit: int, position: str | None) -> Any:
        pk = f"conv#{conversation_id}"
        last = {"pk": {"S": pk}, "sk": {"S": f"msg#{position}"}} if position else None
        return self._messages.query(
            pk,
            self._messages.sk.startswith("msg#"),
            scan_index_forward=False,
            limit=limit,
            last_evaluated_key=last,
            consistent_read=True,
        )

    def _at(self, user_id: str, conversation_id: str) -> ConversationRow:
        return self._rows(f"user#{user_id}", f"conv#{conversation_id}")

    def _message_at(self, message: Message) -> MessageRow:
        return self._messages(f"conv#{message.conversation_id}", f"msg#{message.id}")

    def _row(self, conversation: Conversation) -> ConversationRow:
        return self._rows(
            f"user#{conversation.user_id}",
            f"conv#{conversation.id}",
            row="conversation",
            title=conversation.title,
            title_given=conversation.title_given,
            model=conversation.model,
            archived=conversation.archived,
            options=conversation.options.shown,
            meta=dict(conversation.metadata),
            message_count=conversation.message_count,
            version=conversation.version,
            created_at=rfc3339(conversation.created_at),
            updated_at=rfc3339(conversation.updated_at),
        )

    def _message_row(self, message: Message) -> MessageRow:
        waits = message.status is Status.STREAMING
        due = message.touched_at + SILENT_FOR
        return self._messages(
            f"conv#{message.conversation_id}",
            f"msg#{message.id}",
            row="message",
            user_id=message.user_id,
            role=message.role,
            type=message.type,
            content=message.content,
            parts=[dict(part) for part in message.parts] or None,
            status=message.status.value,
            model=message.model,
            tokens_in=message.tokens_in,
            tokens_out=message.tokens_out,
            latency_ms=message.latency_ms,
            answers=message.answers,
            ended=message.ended,
            citations=[asdict(c) for c in message.citations] or None,
            reserved=message.reserved,
            month=message.month or None,
            created_at=rfc3339(message.created_at),
            touched_at=rfc3339(message.touched_at),
            gsi1pk=f"due#reply#{sum(message.id.encode()) % DUE_SHARDS}" if waits else None,
            gsi1sk=rfc3339(due) if waits else None,
        )


def _conversation(row: ConversationRow) -> Conversation:
    return Conversation(
        id=row.sk.removeprefix("conv#"),
        user_id=row.pk.removeprefix("user#"),
        created_at=from_rfc3339(row.created_at),
        updated_at=from_rfc3339(row.updated_at),
        title=row.title,
        title_given=row.title_given,
        model=row.model,
        archived=row.archived,
        options=ChatOptions.of(row.options),
        metadata=MappingProxyType(row.meta),
        message_count=int(row.message_count),
        version=int(row.version),
    )


def _number(value: float | None) -> int | None:
    return None if value is None else int(value)


def _message(row: MessageRow) -> Message:
    return Message(
        id=row.sk.removeprefix("msg#"),
        conversation_id=row.pk.removeprefix("conv#"),
        user_id=row.user_id,
        role=row.role,
        content=row.content,
        created_at=from_rfc3339(row.created_at),
        touched_at=from_rfc3339(row.touched_at),
        type=row.type,
        parts=tuple(row.parts or ()),
        status=Status(row.status),
        model=row.model,
        tokens_in=_number(row.tokens_in),
        tokens_out=_number(row.tokens_out),
        latency_ms=_number(row.latency_ms),
        answers=row.answers,
        ended=row.ended,
        citations=tuple(Citation(**c) for c in row.citations or ()),
        reserved=int(row.reserved or 0),
        month=row.month or "",
    )

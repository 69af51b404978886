"""Runs in the table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import Any, cast

from pynamodb.attributes import JSONAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.exceptions import TransactWriteError
from pynamodb.transactions import TransactWrite

from antiphon.conversations.dynamo import DynamoConversations
from antiphon.conversations.model import ChatOptions, Citation, Message
from antiphon.engines.chat import Source
from antiphon.platform.clock import from_rfc3339, rfc3339
from antiphon.platform.outbox import EventRow, event_row
from antiphon.platform.pages import Page
from antiphon.platform.table import DUE_SHARDS, DueIndex, Row, Table, conditions_failed
from antiphon.runs.model import Called, CallStatus, Change, Run, Status, Step
from antiphon.runs.ports import Stale
from antiphon.speech.model import Failure

_TIMES = ("created_at", "updated_at", "started_at", "finished_at", "waiting_since", "lease_until", "due_at")
LOOKED_AT = 500
"""Runs that one page of a filtered list looks at, at most."""


class RunRow(Row):
    status = UnicodeAttribute()
    version = NumberAttribute()
    conversation_id = UnicodeAttribute()
    rest = JSONAttribute()
    """All else of the run: nothing is looked for in it."""


class DynamoRuns:
    def __init__(self, table: Table) -> None:
        self._table = table
        self._rows = table.bind(RunRow)
        self._events = table.bind(EventRow)
        self._conversations = DynamoConversations(table)

    def get(self, user_id: str, run_id: str) -> Run | None:
        try:
            return _run(self._rows.get(f"user#{user_id}", f"run#{run_id}", consistent_read=True))
        except self._rows.DoesNotExist:
            return None

    def page(
        self, user_id: str, limit: int, position: str | None = None, conversation_id: str | None = None
    ) -> Page[Run]:
        pk = f"user#{user_id}"
        rows = self._rows.query(
            pk,
            self._rows.sk.startswith("run#"),
            scan_index_forward=False,
            limit=limit + 1 if conversation_id is None else LOOKED_AT,
            last_evaluated_key={"pk": {"S": pk}, "sk": {"S": f"run#{position}"}} if position else None,
            consistent_read=True,
        )
        found: list[Run] = []
        last = None
        for row in rows:
            if len(found) == limit:
                return Page(tuple(found), last)
            last = row.sk.removeprefix("run#")
            if conversation_id in (None, row.conversation_id):
                found.append(_run(row))
        # With a filter the query may have ended at its bound, and not at the end of the list.
        return Page(tuple(found), last if conversation_id is not None and rows.last_evaluated_key else None)

    def apply(
        self,
        change: Change,
        messages: Sequence[Message] = (),
        *,
        title: str | None = None,
        heard: str | None = None,
    ) -> None:
        rows, run, before = self._rows, change.after, change.before
        condition = rows.pk.does_not_exist() if before is None else rows.version == before.version

        def fill(transaction: TransactWrite) -> None:
            transaction.save(self._row(run), condition=condition)
            if change.event:
                transaction.save(event_row(self._events, change.event))
            for message in messages:
                self._conversations.add(transaction, message, title=title)
            if heard is not None:
                self._conversations.heard(transaction, run.conversation_id, run.message_id, heard)

        try:
            self._table.write(fill)
        except TransactWriteError as error:
            if not any(conditions_failed(error)):
                raise
            if self.get(run.user_id, run.id) == run:  # our own write whose answer was lost
                return
            raise Stale from error

    def due(self, now: Any) -> Iterator[Run]:
        for shard in range(DUE_SHARDS):
            for row in self._rows.due.query(f"due#run#{shard}", DueIndex.gsi1sk <= rfc3339(now)):
                yield _run(cast(RunRow, row))

    def _row(self, run: Run) -> RunRow:
        values = asdict(run)
        rest = {
            name: values[name] for name in values.keys() - {"id", "user_id", "status", "version", "conversation_id"}
        }
        for name in _TIMES:
            rest[name] = rfc3339(rest[name]) if rest[name] else None
        rest["worked"] = run.worked.total_seconds()
        return self._rows(
            f"user#{run.user_id}",
            f"run#{run.id}",
            row="run",
            status=run.status.value,
            version=run.version,
            conversation_id=run.conversation_id,
            rest=rest,
            gsi1pk=f"due#run#{sum(run.id.encode()) % DUE_SHARDS}" if run.due_at else None,
            gsi1sk=rfc3339(run.due_at) if run.due_at else None,
        )


def _run(row: RunRow) -> Run:
    rest: dict[str, Any] = dict(row.rest)
    for name in _TIMES:
        rest[name] = from_rfc3339(rest[name]) if rest[name] else None
    rest["worked"] = timedelta(seconds=rest["worked"])
    rest["options"] = ChatOptions(**rest["options"])
    rest["error"] = Failure(**rest["error"]) if rest["error"] else None
    rest["steps"] = tuple(_step(step) for step in rest["steps"])
    rest["citations"] = tuple(Citation(**citation) for citation in rest["citations"])
    rest["tools"] = tuple(rest["tools"])
    rest["parts"] = tuple(rest["parts"])
    return Run(
        id=row.sk.removeprefix("run#"),
        user_id=row.pk.removeprefix("user#"),
        status=Status(row.status),
        version=int(row.version),
        conversation_id=row.conversation_id,
        **rest,
    )


def _step(values: Mapping[str, Any]) -> Step:
    return Step(values["text"], tuple(_called(call) for call in values["calls"]), values["forced"])


def _called(values: Mapping[str, Any]) -> Called:
    return Called(
        **{
            **values,
            "status": CallStatus(values["status"]),
            "output": values["output"],
            "sources": tuple(Source(**source) for source in values["sources"]),
        }
    )

"""A-64: what leaves as a file is the whole of one's own, and nothing else. The real handler over the real store."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from antiphon.conversations.dynamo import DynamoConversations
from antiphon.conversations.export import FORMATS
from antiphon.conversations.model import ChatOptions, Citation, Conversation, Message, Status
from antiphon.conversations.view import conversation_view, message_view
from antiphon.platform.table import Table
from tests.contract import warm as functions
from tests.contract.warm import Warm, warm

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
MESSAGES = 130
"""More than the store reads at once, twice."""


def written(user: str, number: int) -> Message:
    """All that a message may have."""
    kept = Message(
        f"msg_{number:026d}",
        f"conv_{user}",
        user,
        "assistant" if number % 2 else "user",
        f"{user} said {number}.",
        NOW + timedelta(seconds=number),
        NOW + timedelta(seconds=number),
        parts=({"type": "audio", "id": f"med_{user}_{number}"},),
    )
    if number % 2 == 0:
        return kept
    source = Citation("transcript", f"job_{user}_{number}", f"{user} quoted {number}.", 1.5, f"Speaker of {user}")
    return replace(
        kept, model="m", tokens_in=7, tokens_out=9, latency_ms=12, ended="stop", citations=(source,), parts=()
    )


@pytest.fixture
def talks(table: Table) -> dict[str, tuple[Conversation, list[Message]]]:
    """One conversation of Anna's and one of Boris's, written in turns."""
    store, found = DynamoConversations(table), {}
    for user in ("anna", "boris"):
        options = ChatOptions(0.5, system_prompt=f"Speak to {user}.")
        talk = Conversation(f"conv_{user}", user, NOW, NOW, title=f"Of {user}", options=options, metadata={"of": user})
        store.create(talk)
        found[user] = (talk, [written(user, number) for number in range(MESSAGES)])
    with store._messages.batch_write() as batch:
        for pair in zip(*(messages for _, messages in found.values()), strict=True):
            for message in pair:
                batch.save(store._message_row(message))
    return found


@pytest.fixture
def export(table: Table, monkeypatch: pytest.MonkeyPatch) -> Iterator[Warm]:
    functions.prepare(table, monkeypatch)
    with warm("messages") as function:
        yield function


def left(export: Warm, user: str, method: str, format: str, of: str = "anna") -> dict[str, Any]:
    return export(user, f"{method} /v1/conversations/{{id}}/export", id=f"conv_{of}", query={"format": format})


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_export_is_all_that_the_user_has_and_nothing_of_anybody_else(
    export: Warm, talks: dict[str, tuple[Conversation, list[Message]]], method: str
) -> None:
    """A-64: every field of every message in JSON, every message in each other format."""
    talk, messages = talks["anna"]
    for format in FORMATS:
        answer = left(export, "anna", method, format)
        assert answer["statusCode"] == 200
        body = answer["body"]
        assert "boris" not in body
        places = [body.find(f"anna said {message.content.split()[-1]}") for message in messages]
        assert -1 not in places
        assert places == sorted(places), f"{format}: not in order"
        if format == "json":
            whole = json.loads(body)
            assert whole["conversation"] == conversation_view(talk)
            assert whole["messages"] == [message_view(message) for message in messages]
        elif format == "csv":
            assert len(list(csv.reader(io.StringIO(body, newline="")))) == MESSAGES + 1
        else:
            assert all(f"anna quoted {number}." in body for number in range(1, MESSAGES, 2))


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_of_somebody_elses_conversation_nothing_leaves(
    export: Warm, talks: dict[str, tuple[Conversation, list[Message]]], method: str
) -> None:
    """A-42, A-64: the answer is that to an id which nobody has."""
    for format in FORMATS:
        answers = [left(export, "boris", method, format, of) for of in ("anna", "nobody")]
        assert [answer["statusCode"] for answer in answers] == [404, 404]
        assert "anna" not in answers[0]["body"]


def test_a_reply_that_nobody_writes_any_more_leaves_as_far_as_it_came(
    export: Warm, table: Table, talks: dict[str, tuple[Conversation, list[Message]]]
) -> None:
    """A-64"""
    store = DynamoConversations(table)
    cut = replace(
        written("anna", MESSAGES), role="assistant", status=Status.STREAMING, content="As far as", month="2026-11"
    )
    store._message_row(cut).save()
    *_, last = json.loads(left(export, "anna", "GET", "json")["body"])["messages"]
    assert (last["content"], last["status"], last["finish_reason"]) == ("As far as", "incomplete", "interrupted")

"""T-03: the fake and the real store of runs pass one suite."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from antiphon.conversations.dynamo import DynamoConversations
from antiphon.conversations.memory import MemoryConversations
from antiphon.conversations.model import ChatOptions, Citation, Conversation, Message
from antiphon.engines.chat import Source
from antiphon.runs.dynamo import DynamoRuns
from antiphon.runs.memory import MemoryRuns
from antiphon.runs.model import GRACE, Called, CallStatus, Run, Step, advance, cancel, claim, create, fail, finish, wait
from antiphon.runs.ports import Stale
from antiphon.speech.model import Failure

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
Store = MemoryRuns | DynamoRuns


class Both:
    def __init__(self, runs: Store, conversations: MemoryConversations | DynamoConversations) -> None:
        self.runs, self.conversations = runs, conversations
        conversations.create(Conversation("conv_1", "usr_1", NOW, NOW))

    def count(self) -> int:
        found = self.conversations.get("usr_1", "conv_1")
        assert found is not None
        return found.message_count

    def begin(self, number: int = 1, **changes: Any) -> Run:
        change = create(run(number, **changes), NOW)
        self.runs.apply(change, [message(number)])
        return change.after


@pytest.fixture(params=["memory", "dynamo"])
def both(request: pytest.FixtureRequest) -> Both:
    if request.param == "memory":
        conversations = MemoryConversations()
        return Both(MemoryRuns(conversations), conversations)
    table = request.getfixturevalue("table")
    return Both(DynamoRuns(table), DynamoConversations(table))


def message(number: int, **changes: Any) -> Message:
    return replace(Message(f"msg_{number}", "conv_1", "usr_1", "user", f"text {number}", NOW, NOW), **changes)


def run(number: int = 1, **changes: Any) -> Run:
    made = Run(f"run_{number}", "usr_1", "free", "conv_1", f"msg_{number}", NOW, NOW)
    return replace(made, **changes)


def test_everything_of_a_run_is_kept(both: Both) -> None:
    call = Called(
        "c1", "search", {"query": "x", "places": ["messages"]}, CallStatus.SUCCEEDED, None, "found", {"hits": 1},
        (Source("transcript", "job_1", "text", 1.5, "Anna"), Source("document", "doc_1", "text", page=3)),
    )  # fmt: skip
    full = run(
        model="gemma", options=ChatOptions(0.5, None, 100, "Be brief."), tools=("search",),
        parts=({"type": "audio", "id": "med_1"},), speak={"format": "wav"}, metadata={"a": [1]}, request_id="req",
    )  # fmt: skip
    both.runs.apply(create(full, NOW), [message(1)], title="First")
    begun = both.runs.get("usr_1", "run_1")
    assert begun == replace(full, due_at=NOW + GRACE)
    both.runs.apply(claim(begun, NOW))
    claimed = both.runs.get("usr_1", "run_1")
    assert claimed is not None
    step = advance(
        claimed,
        NOW,
        timedelta(seconds=2.5),
        steps=(Step("Let me see.", (call,)),),
        answer="A",
        citations=(Citation("document", "doc_1", "text", page=3),),
        tokens_in=5,
        tokens_out=7,
    )
    both.runs.apply(step, heard="what was said")
    assert both.runs.get("usr_1", "run_1") == step.after
    heard = both.conversations.message("conv_1", "msg_1")
    assert heard is not None
    assert heard.content == "what was said"
    waiting = wait(step.after, NOW)
    both.runs.apply(waiting)
    failed = fail(waiting.after, Failure("code", "detail"), NOW)
    both.runs.apply(failed)
    assert both.runs.get("usr_1", "run_1") == failed.after
    assert both.count() == 1
    talk = both.conversations.get("usr_1", "conv_1")
    assert talk is not None
    assert talk.title == "First"


def test_a_run_belongs_to_its_user(both: Both) -> None:
    both.begin()
    assert both.runs.get("usr_2", "run_1") is None
    assert both.runs.page("usr_2", 10).items == ()


def test_a_change_holds_only_for_what_was_read(both: Both) -> None:
    begun = both.begin()
    taken = claim(begun, NOW)
    for _ in range(2):  # the second is our own, whose answer was lost
        both.runs.apply(taken)
    with pytest.raises(Stale):
        both.runs.apply(cancel(begun, NOW))
    ended = finish(taken.after, NOW, "msg_9")
    for _ in range(2):
        both.runs.apply(ended, [message(9, role="assistant")])
    assert both.count() == 2


def test_nothing_is_begun_in_a_conversation_that_is_gone(both: Both) -> None:
    gone = run(2, conversation_id="conv_9")
    with pytest.raises(Stale):
        both.runs.apply(create(gone, NOW), [message(2, conversation_id="conv_9")])
    assert both.runs.get("usr_1", "run_2") is None


def test_runs_are_listed_newest_first_in_pages_and_by_conversation(both: Both) -> None:
    both.conversations.create(Conversation("conv_2", "usr_1", NOW, NOW))
    for n in range(1, 6):
        both.runs.apply(
            create(run(n, conversation_id=f"conv_{n % 2 + 1}"), NOW), [message(n, conversation_id=f"conv_{n % 2 + 1}")]
        )
    first = both.runs.page("usr_1", 2)
    assert [r.id for r in first.items] == ["run_5", "run_4"]
    rest = both.runs.page("usr_1", 5, first.position)
    assert ([r.id for r in rest.items], rest.position) == (["run_3", "run_2", "run_1"], None)
    own = both.runs.page("usr_1", 2, None, "conv_2")
    assert [r.id for r in own.items] == ["run_5", "run_3"]
    assert [r.id for r in both.runs.page("usr_1", 2, own.position, "conv_2").items] == ["run_1"]


def test_what_nothing_happens_to_becomes_due(both: Both) -> None:
    begun = both.begin()
    assert list(both.runs.due(NOW)) == []
    assert [r.id for r in both.runs.due(NOW + GRACE)] == ["run_1"]
    both.runs.apply(cancel(begun, NOW))
    assert list(both.runs.due(NOW + timedelta(days=9))) == []

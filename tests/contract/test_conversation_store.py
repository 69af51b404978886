"""T-03: the fake and the real store of conversations pass one suite."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.endpoint import Endpoint

from antiphon.conversations.dynamo import DynamoConversations
from antiphon.conversations.memory import MemoryConversations
from antiphon.conversations.model import SILENT_FOR, ChatOptions, Citation, Conversation, Message, Status, created_event
from antiphon.conversations.ports import Stale
from antiphon.identity.tiers import TIERS
from antiphon.platform.pages import Page
from antiphon.platform.table import Table
from antiphon.speech.metering import QuotaExceeded
from antiphon.speech.usage_dynamo import DynamoUsage

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
FREE = TIERS["free"]
Store = MemoryConversations | DynamoConversations


@pytest.fixture(params=["memory", "dynamo"])
def store(request: pytest.FixtureRequest) -> Store:
    return MemoryConversations() if request.param == "memory" else DynamoConversations(request.getfixturevalue("table"))


def talk(number: int = 1, **changes: Any) -> Conversation:
    made = Conversation(f"conv_{number}", "usr_1", NOW, NOW, options=ChatOptions(0.5), metadata={"a": [1]})
    return replace(made, **changes)


def said(number: int, **changes: Any) -> Message:
    made = Message(f"msg_{number}", "conv_1", "usr_1", "user", f"text {number}", NOW, NOW)
    return replace(made, **changes)


def reply(number: int, **changes: Any) -> Message:
    empty = {"role": "assistant", "content": "", "status": Status.STREAMING, "reserved": 1000, "month": "2026-11"}
    return said(number, **{**empty, "answers": f"msg_{number - 1}", **changes})


def tokens(store: Store, request: pytest.FixtureRequest) -> int:
    if isinstance(store, MemoryConversations):
        return store.tokens["usr_1"]
    return DynamoUsage(request.getfixturevalue("table")).of("usr_1", "2026-11").tokens


def test_a_conversation_belongs_to_its_user(store: Store) -> None:
    for _ in range(2):
        store.create(talk())
    assert store.get("usr_1", "conv_1") == talk()
    assert store.get("usr_2", "conv_1") is None
    assert store.get("usr_1", "conv_2") is None
    assert store.page("usr_2", 10) == Page((), None)


def test_a_list_is_newest_first_and_in_pages(store: Store) -> None:
    for number in range(1, 6):
        store.create(talk(number))
    first = store.page("usr_1", 2)
    assert [c.id for c in first.items] == ["conv_5", "conv_4"]
    last = store.page("usr_1", 3, first.position)
    assert ([c.id for c in last.items], last.position) == (["conv_3", "conv_2", "conv_1"], None)


def test_a_change_holds_only_for_what_was_read(store: Store) -> None:
    store.create(talk())
    after = talk(title="New", title_given=True, model="m", archived=True, options=ChatOptions(), metadata={}, version=2)
    store.change(talk(), after)
    assert store.get("usr_1", "conv_1") == after
    for stale in (talk(), talk(9)):
        with pytest.raises(Stale):
            store.change(stale, replace(stale, title="x", version=2))


def test_an_exchange_is_stored_and_counted_whole(store: Store, request: pytest.FixtureRequest) -> None:
    store.create(talk())
    for _ in range(2):
        store.begin(said(1), reply(2), FREE, NOW)
    assert store.message("conv_1", "msg_1") == said(1)
    assert store.message("conv_1", "msg_2") == reply(2)
    conversation = store.get("usr_1", "conv_1")
    assert conversation is not None
    assert conversation.message_count == 2
    assert tokens(store, request) == 1000
    with pytest.raises(Stale):
        store.begin(said(1, conversation_id="conv_9"), reply(2, conversation_id="conv_9"), FREE, NOW)


def test_counts_are_right_however_many_write_at_once(store: Store) -> None:
    store.create(talk())
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: store.begin(said(n), reply(n + 1), FREE, NOW), range(1, 21, 2)))
    conversation = store.get("usr_1", "conv_1")
    assert conversation is not None
    assert conversation.message_count == 20


def test_no_more_tokens_are_set_aside_than_there_are(store: Store, request: pytest.FixtureRequest) -> None:
    """L-08"""
    store.create(talk())
    few = replace(FREE, tokens=3_500)

    def ask(number: int) -> bool:
        try:
            store.begin(said(number), reply(number + 1), few, NOW)
        except QuotaExceeded:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(ask, range(1, 21, 2))) == 3
    assert tokens(store, request) == 3_000


def test_a_reply_grows_and_ends_once(store: Store, request: pytest.FixtureRequest) -> None:
    """L-08: what it did not cost is given back."""
    store.create(talk())
    store.begin(said(1), reply(2), FREE, NOW)
    later = NOW + timedelta(seconds=1)
    assert store.progress(reply(2, content="Hel", touched_at=later))
    grown = store.message("conv_1", "msg_2")
    assert grown is not None
    assert (grown.content, grown.status, grown.touched_at) == ("Hel", Status.STREAMING, later)
    cited = (Citation("transcript", "job_1", "quote", 1.5, "Anna"),)
    ended = {"status": Status.COMPLETE, "tokens_in": 20, "tokens_out": 5, "ended": "stop", "latency_ms": 12}
    final = reply(2, content="Hello", citations=cited, model="m", **ended)
    for _ in range(2):
        assert store.finish(final, [created_event(final, NOW, None)], "A title")
    assert store.message("conv_1", "msg_2") == replace(final, reserved=0)
    assert tokens(store, request) == 25
    assert not store.progress(reply(2, content="more"))
    assert not store.finish(replace(final, content="other"), [], None)
    conversation = store.get("usr_1", "conv_1")
    assert conversation is not None
    assert conversation.title == "A title"


def test_a_title_that_its_owner_gave_stays(store: Store) -> None:
    store.create(talk(title="Mine", title_given=True))
    store.begin(said(1), reply(2), FREE, NOW)
    assert store.finish(reply(2, status=Status.COMPLETE, tokens_in=1, tokens_out=1), [], "Made")
    conversation = store.get("usr_1", "conv_1")
    assert conversation is not None
    assert conversation.title == "Mine"


def test_what_nobody_looks_after_any_more_is_found(store: Store) -> None:
    store.create(talk())
    store.begin(said(1), reply(2), FREE, NOW)
    assert list(store.abandoned(NOW)) == []
    (found,) = store.abandoned(NOW + SILENT_FOR)
    assert found == reply(2)
    store.progress(reply(2, content="x", touched_at=NOW + SILENT_FOR))
    assert list(store.abandoned(NOW + SILENT_FOR)) == []
    store.finish(reply(2, status=Status.INCOMPLETE, tokens_in=0, tokens_out=1), [], None)
    assert list(store.abandoned(NOW + 3 * SILENT_FOR)) == []


def test_messages_are_read_newest_first_in_pages_and_as_history(store: Store) -> None:
    store.create(talk())
    for number in range(10, 70, 2):
        store.begin(said(number), reply(number + 1), FREE, NOW)
    page = store.messages("conv_1", 3)
    assert [m.id for m in page.items] == ["msg_69", "msg_68", "msg_67"]
    assert [m.id for m in store.messages("conv_1", 1, page.position).items] == ["msg_66"]
    before = [m.id for m in store.history("conv_1", "msg_68")]
    assert before == [f"msg_{n}" for n in range(67, 9, -1)]


def test_a_page_reads_what_it_shows_and_one_row_more_however_long_the_conversation_is(
    table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = DynamoConversations(table)
    looked_at: list[int] = []
    make_request = Endpoint.make_request

    def counted(self: Any, *arguments: Any) -> Any:
        answer = make_request(self, *arguments)
        looked_at.append(answer[1]["ScannedCount"])
        return answer

    for number, length in (("1", 30), ("2", 120)):
        with store._messages.batch_write() as batch:
            for place in range(length):
                batch.save(store._message_row(replace(said(100 + place), conversation_id=f"conv_{number}")))
    with monkeypatch.context() as patched:
        patched.setattr(Endpoint, "make_request", counted)
        for number in ("1", "2"):
            page = store.messages(f"conv_{number}", 10)
            assert (len(page.items), len(store.messages(f"conv_{number}", 10, page.position).items)) == (10, 10)
    assert looked_at == [11] * 4


def test_a_deleted_conversation_leaves_nothing(store: Store, request: pytest.FixtureRequest) -> None:
    store.create(talk())
    for number in range(10, 70, 2):
        store.begin(said(number), reply(number + 1), FREE, NOW)
    assert store.delete("usr_1", "conv_1") == 61
    assert store.get("usr_1", "conv_1") is None
    assert store.messages("conv_1", 10) == Page((), None)
    assert not store.progress(reply(11, content="late"))
    before = tokens(store, request)
    assert not store.finish(reply(11, status=Status.COMPLETE, tokens_in=1, tokens_out=1), [], None)
    assert store.messages("conv_1", 10) == Page((), None)
    assert tokens(store, request) == before - 1_000 + 2

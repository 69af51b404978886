"""What is stored of an exchange, however it ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from typing import Any, cast

import pytest

from antiphon.conversations.answer import Answer, Asked, Begun, Ended, Follow, Settle, Text
from antiphon.conversations.manage import Conversations, Filter, Wish
from antiphon.conversations.memory import MemoryConversations, NoPassages
from antiphon.conversations.model import MAX_CONTENT, SILENT_FOR, ChatOptions, Conversation, Status
from antiphon.engines.chat import About, Delta, Done, Image, ModelError, Prompt, Source
from antiphon.engines.chat_models import ChatModels
from antiphon.engines.chat_offline import OfflineChat
from antiphon.platform.errors import Invalid, NotFound, TooLarge, TooMany, Unavailable
from antiphon.platform.ids import new_id
from tests.unit.conftest import HeldClock

Piece = Delta | Done | Exception | Callable[[], Any]


@dataclass
class Scripted:
    """A model that says, does and fails what it is told."""

    script: list[Piece]

    def __post_init__(self) -> None:
        self.about = About("m", "openai", 4_000)
        self.asked: list[Prompt] = []
        self.closed = False

    async def stream(self, prompt: Prompt) -> AsyncIterator[Delta | Done]:
        self.asked.append(prompt)
        try:
            for piece in self.script:
                if isinstance(piece, Exception):
                    raise piece
                if not isinstance(piece, Delta | Done):
                    result = piece()
                    if asyncio.iscoroutine(result):
                        await result
                    continue
                yield piece
        finally:
            self.closed = True

    async def aclose(self) -> None:
        """There is nothing."""


class Office:
    """One conversation and one model. ``ticks``: seconds of the clock that measures."""

    def __init__(self, clock: HeldClock, *script: Piece, passages: NoPassages | None = None) -> None:
        self.clock = clock
        self.store = MemoryConversations()
        self.model = Scripted(list(script))
        self.ticks = 0.0
        self.images: tuple[Image, ...] = ()
        self.answer = Answer(
            store=self.store,
            models=ChatModels([self.model, OfflineChat()]),
            passages=passages or NoPassages(),
            pictures=lambda user, parts: self.images,
            clock=clock,
            monotonic=lambda: self.ticks,
        )
        self.conversations = Conversations(self.store, clock)
        self.talk = self.conversations.create("usr_1", Wish(options=ChatOptions(system_prompt="Be brief.")))

    def asked(self, content: str = "Hello there. You?", **more: Any) -> Asked:
        return Asked(**{"user_id": "usr_1", "tier": "free", "content": content, **more})

    def steps(self, asked: Asked | None = None, take: int = 99) -> list[Begun | Text | Ended]:
        async def run() -> list[Begun | Text | Ended]:
            found: list[Begun | Text | Ended] = []
            steps = cast(Any, self.answer(self.talk.id, asked or self.asked()))
            async for step in steps:
                found.append(step)
                if len(found) == take:
                    break
            await steps.aclose()
            return found

        return asyncio.run(run())

    @property
    def now(self) -> Conversation:
        return self.conversations.get("usr_1", self.talk.id)


DONE = Done("stop", 30, 4)


def test_an_exchange_is_stored_as_it_was_seen(clock: HeldClock) -> None:
    office = Office(clock, Delta("Good "), Delta("morning."), DONE)
    begun, *texts, ended = office.steps()
    assert isinstance(begun, Begun)
    assert texts == [Text("Good ", 5), Text("morning.", 13)]
    assert isinstance(ended, Ended)
    assert ended.error is None
    stored = office.store.message(office.talk.id, ended.reply.id)
    assert stored == replace(ended.reply, reserved=0)
    assert (stored.content, stored.status, stored.ended) == ("Good morning.", Status.COMPLETE, "stop")
    assert (stored.tokens_in, stored.tokens_out, stored.answers) == (30, 4, begun.message.id)
    assert (office.now.title, office.now.message_count) == ("Hello there.", 2)
    assert [(e.type, e.data["role"]) for e in office.store.events] == [
        ("message.created", "user"),
        ("message.created", "assistant"),
    ]
    assert "Good" not in str(office.store.events[0].data)
    assert office.store.tokens["usr_1"] == 34
    (prompt,) = office.model.asked
    assert (prompt.system, [t.text for t in prompt.turns]) == ("Be brief.", ["Hello there. You?"])


def test_the_dialogue_so_far_goes_with_the_next_question(clock: HeldClock) -> None:
    office = Office(clock, Delta("Fine."), DONE)
    office.steps()
    office.steps(office.asked("And now?"))
    assert [(t.role, t.text) for t in office.model.asked[1].turns] == [
        ("user", "Hello there. You?"),
        ("assistant", "Fine."),
        ("user", "And now?"),
    ]
    assert office.now.title == "Hello there."


@pytest.mark.parametrize("code", ["model_unavailable", "model_timeout", "content_blocked", "model_refused"])
def test_what_came_before_a_failure_stays_and_is_marked(clock: HeldClock, code: str) -> None:
    """L-12"""
    office = Office(clock, Delta("Good "), ModelError("no", code=code))
    *_, ended = office.steps()
    assert isinstance(ended, Ended)
    assert ended.error is not None
    assert ended.error.code == code
    stored = office.store.message(office.talk.id, ended.reply.id)
    assert stored is not None
    assert (stored.content, stored.status, stored.ended) == ("Good ", Status.INCOMPLETE, code)
    assert office.now.message_count == 2


def test_a_failure_before_the_first_word_costs_nothing(clock: HeldClock) -> None:
    office = Office(clock, ModelError("no"))
    office.steps()
    assert office.store.tokens["usr_1"] == 0


@pytest.mark.parametrize("take", [1, 2, 3])
def test_whoever_leaves_finds_what_they_saw(clock: HeldClock, take: int) -> None:
    """L-14"""
    office = Office(clock, Delta("Good "), Delta("morning"), Delta("."), DONE)
    begun, *texts = office.steps(take=take)
    assert isinstance(begun, Begun)
    stored = office.store.message(office.talk.id, begun.reply.id)
    assert stored is not None
    assert stored.content == "".join(t.text for t in texts if isinstance(t, Text))
    assert (stored.status, stored.ended) == (Status.INCOMPLETE, "stopped")
    assert office.model.closed is (take > 1)
    assert 0 <= office.store.tokens["usr_1"] < 100


def test_a_reader_who_leaves_while_the_model_thinks_ends_the_call(clock: HeldClock) -> None:
    """L-14"""

    async def run() -> None:
        steps = cast(Any, office.answer(office.talk.id, office.asked()))
        await anext(steps)
        await anext(steps)
        waiting = asyncio.ensure_future(anext(steps))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    office = Office(clock, Delta("Good "), lambda: asyncio.sleep(60))
    asyncio.run(run())
    assert office.model.closed
    (stored,) = [m for m in office.store.messages(office.talk.id, 9).items if m.role == "assistant"]
    assert (stored.content, stored.ended) == ("Good ", "stopped")


def test_a_long_answer_is_written_while_it_grows(clock: HeldClock) -> None:
    office = Office(clock)
    seen: list[str] = []

    def look() -> None:
        (reply,) = [m for m in office.store.messages(office.talk.id, 9).items if m.role == "assistant"]
        seen.append(reply.content)
        office.ticks += 0.3

    office.model.script = [Delta("a"), look, Delta("b"), look, Delta("c"), look, DONE]
    office.steps()
    assert seen == ["", "", "abc"]


def test_a_conversation_that_is_deleted_meanwhile_ends_the_answer(clock: HeldClock) -> None:
    office = Office(clock)

    def delete() -> None:
        office.conversations.delete("usr_1", office.talk.id)
        office.ticks += 1

    office.model.script = [Delta("a"), delete, Delta("b"), DONE]
    *_, ended = office.steps()
    assert isinstance(ended, Ended)
    assert ended.error is not None
    assert ended.error.code == "conversation_deleted"
    assert office.store.messages(office.talk.id, 9).items == ()


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        ({"content": "x" * 20_000}, TooLarge),
        ({"content": "x" * (MAX_CONTENT + 1)}, TooLarge),
        ({"model": "other"}, Invalid),
        ({"user_id": "usr_2"}, NotFound),
    ],
)
def test_what_cannot_be_answered_is_refused_before_anything_is_stored(
    clock: HeldClock, asked: dict[str, Any], error: type[Exception]
) -> None:
    office = Office(clock, Delta("x"), DONE)
    with pytest.raises(error):
        office.steps(office.asked(**asked))
    assert office.now.message_count == 0
    assert office.store.tokens["usr_1"] == 0


def test_without_tokens_left_nothing_is_asked(clock: HeldClock) -> None:
    """L-08"""
    office = Office(clock, Delta("x"), DONE)
    office.store.tokens["usr_1"] = 1_000_000
    with pytest.raises(TooMany) as refused:
        office.steps()
    assert (refused.value.code, office.model.asked) == ("quota_exceeded", [])


def test_a_model_that_is_gone_says_so(clock: HeldClock) -> None:
    office = Office(clock, DONE)
    office.store._rows[office.talk.id] = replace(office.now, model="gone")
    with pytest.raises(Unavailable) as refused:
        office.steps()
    assert refused.value.code == "model_gone"


def test_a_repeated_request_shows_the_answer_that_there_is(clock: HeldClock) -> None:
    office = Office(clock, Delta("Good."), DONE)
    seed = new_id("msg").partition("_")[2]
    first = office.steps(office.asked(seed=seed))
    clock.move(seconds=5)
    again = office.steps(office.asked(seed=seed))
    assert len(office.model.asked) == 1
    assert isinstance(first[-1], Ended)
    assert isinstance(again[-1], Ended)
    assert again[-1].reply.content == "Good."
    assert again[-1].reply.id == first[-1].reply.id
    assert office.now.message_count == 2


def test_an_abandoned_answer_is_settled_once(clock: HeldClock) -> None:
    """L-08: what was set aside by a process that died is given back."""
    office = Office(clock, Delta("Good morning"), lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        office.steps()
    settle = Settle(office.store, clock)
    before = office.store.tokens["usr_1"]
    assert settle() == 0
    clock.move(seconds=SILENT_FOR.total_seconds())
    assert settle() == 1
    assert settle() == 0
    assert office.store.tokens["usr_1"] < before
    (reply,) = [m for m in office.store.messages(office.talk.id, 9).items if m.role == "assistant"]
    assert (reply.status, reply.ended) == (Status.INCOMPLETE, "interrupted")


def test_offline_quotes_what_fits_and_says_that_it_is_offline(clock: HeldClock) -> None:
    source = Source("transcript", "job_1", "We meet on Tuesday at the harbour.", 754.2, "Anna")
    office = Office(clock, passages=NoPassages(source, Source("message", "msg_0", "Unrelated words.")))
    *_, ended = office.steps(office.asked("When do we meet at the HARBOUR?", model="offline"))
    assert isinstance(ended, Ended)
    assert "I am offline" in ended.reply.content
    assert "> We meet on Tuesday at the harbour. [12:34 Anna]" in ended.reply.content
    assert "Unrelated" not in ended.reply.content
    assert [(c.kind, c.id, c.quote, c.start, c.speaker) for c in ended.reply.citations] == [
        ("transcript", "job_1", source.text, 754.2, "Anna")
    ]


def test_follow_gives_the_rest_and_only_to_its_owner(clock: HeldClock) -> None:
    office = Office(clock, Delta("Good "), Delta("morning."), DONE)
    *_, ended = office.steps()
    assert isinstance(ended, Ended)
    follow = Follow(office.store, clock, pause=0)

    async def run(user: str, after: int) -> list[Text | Ended]:
        return [step async for step in follow(user, office.talk.id, ended.reply.id, after)]

    for after in range(14):
        *texts, last = asyncio.run(run("usr_1", after))
        assert "".join(t.text for t in texts if isinstance(t, Text)) == "Good morning."[after:]
        assert isinstance(last, Ended)
    with pytest.raises(NotFound):
        asyncio.run(run("usr_2", 0))


def test_a_filtered_list_looks_behind_what_it_leaves_out(clock: HeldClock) -> None:
    office = Office(clock)
    for number in range(30):
        office.conversations.create("usr_1", Wish(title=f"Talk {number}", archived=number % 3 == 0))
    page = office.conversations.page("usr_1", Filter(archived=True), 4)
    rest = office.conversations.page("usr_1", Filter(archived=True), 100, page.position)
    assert (len(page.items), len(rest.items), rest.position) == (4, 6, None)
    assert len({c.id for c in (*page.items, *rest.items)}) == 10
    found = office.conversations.page("usr_1", Filter(q="TALK 17"), 5)
    assert [c.title for c in found.items] == ["Talk 17"]


def test_images_reach_a_model_that_sees_and_no_other(clock: HeldClock) -> None:
    office = Office(clock, Delta("It is a cat."), Done())
    office.images = (Image("image/png", b"png"),)
    parts = ({"type": "image", "id": "med_1"},)
    begun = office.steps(office.asked(parts=parts))[0]
    assert isinstance(begun, Begun)
    assert begun.message.type == "image"
    assert office.model.asked[-1].images == office.images
    with pytest.raises(Invalid, match="sees"):
        office.steps(office.asked(parts=parts, model="offline"))

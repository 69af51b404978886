"""W-18, W-19: what an endpoint missed is listed and can be sent again, over the stores in memory."""

from __future__ import annotations

from datetime import timedelta

import pytest

from antiphon.platform.errors import Conflict, NotFound
from antiphon.platform.events import KEEP, Event
from antiphon.platform.ids import derived_id
from antiphon.webhooks.guard import Guard
from antiphon.webhooks.manage import Endpoints, Wish
from antiphon.webhooks.model import Outcome, Status
from antiphon.webhooks.replay import Only, Replay
from tests.unit.conftest import HeldClock
from tests.unit.webhooks.test_deliver import USER, World

MINUTE = timedelta(minutes=1)


class Past(World):
    """Ten events, a minute apart: three succeeded, two failed for good, three fell into a time when the endpoint was off, two are of a kind it does not want."""

    def __init__(self, clock: HeldClock) -> None:
        super().__init__(clock)
        self.manage = Endpoints(self.endpoints, self.secrets, self.deliveries, self.queue, Guard(), clock)
        self.replay = Replay(self.manage, self.events, clock)
        self.change(events=("speech.*",))
        self.begun = clock.now
        self.of: dict[str, Event] = {}
        for number in range(3):
            self.happens(f"good {number}", Outcome(200, None, 5))
        for number in range(2):
            self.happens(f"bad {number}", Outcome(410, None, 5))
            self.change(active=True, disabled_reason=None, ended_at=None)
        self.manage.change(USER, self.endpoint.id, Wish(active=False))
        for number in range(3):
            self.happens(f"missed {number}", Outcome(200, None, 5))
        self.manage.change(USER, self.endpoint.id, Wish(active=True))
        for number in range(2):
            self.happens(f"other {number}", Outcome(200, None, 5), "run.succeeded")
        self.queue.sent.clear()
        self.wire.posted.clear()
        self.wire.outcomes = [Outcome(200, None, 5)]

    def happens(self, name: str, outcome: Outcome, kind: str = "speech.succeeded") -> None:
        self.clock.now += MINUTE
        at = self.clock.now
        event = Event(derived_id("evt", at, name), USER, kind, at, {"id": name})
        self.events.put(event)
        self.of[name] = event
        self.wire.outcomes = [outcome]
        self.publisher.publish(event)
        while self.queue.sent:
            self.deliverer.deliver(self.queue.sent.pop(0).errand)

    def of_id(self, event_id: str) -> str:
        return next(name for name, event in self.of.items() if event.id == event_id)

    def asked(self, **range_: object) -> list[str]:
        """Names of the events that a replay queues, in its order."""
        self.queue.sent.clear()
        done = self.replay(USER, self.endpoint.id, **{"since": self.begun, **range_})  # type: ignore[arg-type]
        names = {event.id: name for name, event in self.of.items()}
        assert done.queued == len(self.queue.sent)
        return [names[sent.errand.event_id] for sent in self.queue.sent]


@pytest.fixture
def past(clock: HeldClock) -> Past:
    return Past(clock)


def test_events_of_the_time_off_are_listed_newest_first_in_pages(past: Past) -> None:
    """W-18."""
    page = past.replay.missing(USER, past.endpoint.id, since=None, until=None, limit=2)
    assert [e.data["id"] for e in page.items] == ["missed 2", "missed 1"]
    assert page.position is not None
    until = page.items[-1].timestamp
    rest = past.replay.missing(USER, past.endpoint.id, since=None, until=until, limit=2)
    assert ([e.data["id"] for e in rest.items], rest.position) == (["missed 0"], None)


@pytest.mark.parametrize(
    ("only", "expected"),
    [
        (Only.FAILED, ["bad 0", "bad 1"]),
        (Only.MISSING, ["missed 0", "missed 1", "missed 2"]),
        (None, ["bad 0", "bad 1", "missed 0", "missed 1", "missed 2"]),
    ],
)
def test_a_range_is_sent_again_the_oldest_first(past: Past, only: Only | None, expected: list[str]) -> None:
    """W-19."""
    assert past.asked(only=only) == expected
    for sent in past.queue.sent:
        past.deliverer.deliver(sent.errand)
    assert len(past.wire.posted) == len(expected)
    assert all(past.stored(past.of[name]).status is Status.SUCCEEDED for name in expected)
    assert past.asked(only=only) == []


def test_each_event_of_a_call_is_sent_once_however_often_its_messages_come(past: Past) -> None:
    """W-19: and a repeated call with the same seed adds nothing."""
    past.asked(seed="01JD00000000000000000000AA")
    messages = [sent.errand for sent in past.queue.sent] * 2
    past.asked(seed="01JD00000000000000000000AA")
    messages += [sent.errand for sent in past.queue.sent]
    for errand in messages:
        past.deliverer.deliver(errand)
    assert len(past.wire.posted) == 5


def test_the_range_is_by_the_time_of_the_events(past: Past) -> None:
    since, until = past.of["bad 1"].timestamp, past.of["missed 1"].timestamp
    assert past.asked(since=since, until=until) == ["bad 1", "missed 0"]
    assert past.asked(since=past.clock.now + MINUTE) == []


def test_a_long_range_is_sent_in_several_calls(past: Past, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("antiphon.webhooks.replay.AT_ONCE", 3)
    names, since, calls = [], past.begun, 0
    while since is not None:
        past.queue.sent.clear()
        done = past.replay(USER, past.endpoint.id, since=since)
        names += [past.of_id(sent.errand.event_id) for sent in past.queue.sent]
        since, calls = done.next_since, calls + 1
        assert calls < 20
    assert names == ["bad 0", "bad 1", "missed 0", "missed 1", "missed 2"]
    listed, until = [], None
    while True:
        page = past.replay.missing(USER, past.endpoint.id, since=None, until=until, limit=10)
        listed += [e.data["id"] for e in page.items]
        if page.position is None:
            break
        until = type(past.begun).fromisoformat(page.position)
    assert listed == ["missed 2", "missed 1", "missed 0"]


def test_to_an_endpoint_that_is_off_or_not_there_nothing_is_sent(past: Past) -> None:
    past.change(active=False)
    with pytest.raises(Conflict):
        past.asked()
    with pytest.raises(NotFound):
        past.replay("usr_other", past.endpoint.id, since=past.begun)
    with pytest.raises(NotFound):
        past.replay.missing("usr_other", past.endpoint.id, since=None, until=None, limit=2)


def test_what_waited_when_the_endpoint_was_switched_off_counts_as_failed(past: Past) -> None:
    """W-16, W-18: at once, not when its message comes."""
    past.happens("waits", Outcome(200, None, 5), "run.queued")
    past.clock.now += MINUTE
    past.wire.outcomes = [Outcome(500, None, 5)]
    event = past.event("waits for its second attempt")
    past.of["waits"] = event
    past.deliverer.deliver(past.errand(event))
    assert past.stored(event).status is Status.PENDING
    past.manage.change(USER, past.endpoint.id, Wish(active=False))
    shown = past.manage.log(USER, past.endpoint.id, limit=1, position=None).items[0]
    assert (shown.event_id, shown.status, shown.next_attempt_at) == (event.id, Status.CANCELED, None)
    past.clock.now += MINUTE
    past.manage.change(USER, past.endpoint.id, Wish(active=True))
    assert past.asked(only=Only.FAILED)[-1] == "waits"


def test_events_that_have_outlived_their_week_are_neither_listed_nor_sent_though_their_rows_may_be_there(
    past: Past, clock: HeldClock
) -> None:
    """U-33: the table removes late."""
    last = past.of["missed 2"].timestamp
    clock.now = last + KEEP - timedelta(seconds=1)
    assert [
        e.data["id"] for e in past.replay.missing(USER, past.endpoint.id, since=None, until=None, limit=9).items
    ] == ["missed 2"]
    assert past.asked(only=Only.MISSING) == ["missed 2"]
    clock.now = last + KEEP + timedelta(seconds=1)
    assert past.replay.missing(USER, past.endpoint.id, since=None, until=None, limit=9).items == ()
    assert past.replay.missing(USER, past.endpoint.id, since=None, until=last, limit=9).items == ()
    assert past.asked(only=Only.MISSING) == past.asked(only=Only.MISSING, until=last) == []

"""The delivery of one message, and the sweep, over the stores in memory and a clock that stands still."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from antiphon.identity.mail_memory import MemoryMails
from antiphon.platform.events import Dispatch, Event
from antiphon.platform.ids import derived_id
from antiphon.platform.metrics_memory import MemoryMetrics
from antiphon.realtime.memory import nobody
from antiphon.search.memory import MemoryIndexQueue
from antiphon.speech import model
from antiphon.speech.memory import MemoryJobStore
from antiphon.speech.model import Job
from antiphon.speech.model import Kind as JobKind
from antiphon.speech.model import Status as JobStatus
from antiphon.tally.memory import MemoryTally
from antiphon.webhooks.deliver import Deliverer
from antiphon.webhooks.memory import (
    MemoryDeliveryQueue,
    MemoryDeliveryStore,
    MemoryEndpointStore,
    MemoryEventStore,
    MemoryLanes,
    MemorySlots,
    MemoryVault,
)
from antiphon.webhooks.model import (
    CALLBACK,
    ERASED,
    GRACE,
    LADDER,
    SLOTS,
    Delivery,
    Endpoint,
    Errand,
    Outcome,
    Slot,
    Status,
    delivery_id,
    place_of,
)
from antiphon.webhooks.ports import Stale
from antiphon.webhooks.publish import Publisher
from antiphon.webhooks.secrets import Secrets
from antiphon.webhooks.sweep import SweepDeliveries
from tests.unit.conftest import HeldClock

USER = "usr_01"


@dataclass
class Wire:
    """Stands for the network: answers with the outcomes in turn, the last one from then on."""

    outcomes: list[Outcome]
    posted: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Outcome:
        self.posted.append((url, dict(headers), body))
        return self.outcomes.pop(0) if len(self.outcomes) > 1 else self.outcomes[0]


class World:
    def __init__(self, clock: HeldClock, *outcomes: Outcome) -> None:
        self.clock = clock
        self.events = MemoryEventStore()
        self.endpoints = MemoryEndpointStore(self.events)
        self.deliveries = MemoryDeliveryStore()
        self.queue = MemoryDeliveryQueue()
        self.lanes = MemoryLanes()
        self.wire = Wire(list(outcomes) or [Outcome(200, None, 5)])
        self.index = MemoryIndexQueue()
        self.jobs = MemoryJobStore()
        self.metrics, self.tally = MemoryMetrics(), MemoryTally()
        self.publisher = Publisher(
            self.endpoints,
            self.lanes,
            self.queue,
            MemoryMails(),
            self.index,
            self.jobs,
            nobody(),
            self.tally,
            self.metrics,
        )
        self.slots = MemorySlots()
        self.secrets = Secrets(MemoryVault(), clock)
        self.deliverer = Deliverer(
            self.endpoints,
            self.secrets,
            self.deliveries,
            self.events,
            self.queue,
            self.slots,
            self.wire,
            clock,
            lambda: 0.5,
            self.metrics,
        )
        self.sweep = SweepDeliveries(self.deliveries, self.queue, clock)
        name = derived_id("whk", clock(), "e")
        secret, self.secret = self.secrets.make(place_of(USER, name))
        self.endpoint = self.endpoints.create(
            Endpoint(name, USER, "https://hooks.example.com", ("*",), clock(), (secret,))
        )

    def event(self, name: str = "a", **changes: Any) -> Event:
        event = Event(
            derived_id("evt", self.clock(), name), USER, "speech.succeeded", self.clock(), {"id": "job_1"}, **changes
        )  # type: ignore[arg-type]
        self.events.put(event)
        return event

    def now(self) -> Endpoint:
        found = self.endpoints.get(USER, self.endpoint.id)
        assert found is not None
        return found

    def change(self, **changes: Any) -> None:
        before = self.now()
        assert self.endpoints.replace(before, replace(before, **changes, version=before.version + 1))

    def errand(self, event: Event) -> Errand:
        return Errand(USER, self.endpoint.id, event.id)

    def stored(self, event: Event) -> Delivery:
        found = self.deliveries.get(USER, self.endpoint.id, delivery_id(event.id, self.endpoint.id))
        assert found is not None
        return found


@pytest.fixture
def failing(clock: HeldClock) -> World:
    return World(clock, Outcome(500, None, 5))


def test_every_planned_attempt_starts_at_its_time_and_not_later_than_a_minute_after(failing: World) -> None:
    """W-11, W-12: with a janitor that looks every minute and a queue that delays by 15 minutes at most; every time survives a restart, being in the row."""
    clock, event = failing.clock, failing.event()
    failing.queue.send(failing.errand(event))
    arrivals = [(clock.now, failing.queue.sent.pop().errand)]
    started: list[timedelta] = []
    begun, planned = clock.now, clock.now
    for _ in range(80 * 60):
        failing.sweep()
        arrivals += [(clock.now + sent.delay, sent.errand) for sent in failing.queue.sent]
        failing.queue.sent.clear()
        while ready := [a for a in arrivals if a[0] < clock.now + timedelta(minutes=1)]:
            at, errand = min(ready, key=lambda a: a[0])
            arrivals.remove((at, errand))
            minute, clock.now = clock.now, max(at, clock.now)
            before = len(failing.wire.posted)
            failing.deliverer.deliver(errand)
            if len(failing.wire.posted) > before:
                started.append(clock.now - begun)
                assert timedelta(0) <= clock.now - planned <= timedelta(seconds=60)
                planned = failing.stored(event).next_attempt_at or planned
            arrivals += [(clock.now + sent.delay, sent.errand) for sent in failing.queue.sent]
            failing.queue.sent.clear()
            clock.now = minute
        clock.move(minutes=1)
    assert len(started) == len(LADDER)
    assert failing.stored(event).status is Status.FAILED
    assert list(failing.deliveries.due(clock.now + timedelta(days=9))) == []


def test_a_short_wait_is_the_queues_and_a_long_one_the_sweeps(failing: World) -> None:
    event = failing.event()
    failing.deliverer.deliver(failing.errand(event))
    (short,) = failing.queue.sent
    assert (short.errand.attempt, short.delay) == (2, timedelta(seconds=5))
    assert failing.stored(event).due_at == failing.clock.now + timedelta(seconds=5) + GRACE
    failing.clock.move(seconds=5)
    failing.deliverer.deliver(short.errand)
    failing.clock.move(seconds=300)
    failing.deliverer.deliver(failing.queue.sent[1].errand)
    assert len(failing.queue.sent) == 2
    assert (
        failing.stored(event).due_at
        == failing.stored(event).next_attempt_at
        == failing.clock.now + timedelta(minutes=30)
    )
    failing.clock.move(minutes=29, seconds=20)
    assert failing.sweep() == 1
    assert (failing.queue.sent[2].errand.attempt, failing.queue.sent[2].delay) == (4, timedelta(seconds=40))
    assert failing.sweep() == 0


def test_a_message_lost_after_the_row_was_written_is_sent_again(
    failing: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """W-21: a crash between row and queue."""
    event = failing.event()
    send = failing.queue.send

    def crash(*args: object, **kwargs: object) -> None:
        raise ConnectionError

    monkeypatch.setattr(failing.queue, "send", crash)
    with pytest.raises(ConnectionError):
        failing.deliverer.deliver(failing.errand(event))
    monkeypatch.setattr(failing.queue, "send", send)
    failing.deliverer.deliver(failing.errand(event))
    assert failing.queue.sent == []
    failing.clock.move(minutes=5)
    assert failing.sweep() == 1
    assert failing.queue.sent[0].errand.attempt == 2
    failing.deliverer.deliver(failing.queue.sent[0].errand)
    assert failing.stored(event).planned == 2


def test_a_message_lost_before_the_first_attempt_was_noted_is_sent_again(clock: HeldClock) -> None:
    """W-21: the row is there, the process died while it sent."""
    world = World(clock)
    event = world.event()

    class Crash(Exception):
        pass

    def die(*args: object) -> Outcome:
        raise Crash

    with pytest.raises(Crash):
        replace(world.deliverer, sender=type("Dead", (), {"post": die})()).deliver(world.errand(event))
    clock.move(minutes=5)
    assert world.sweep() == 1
    world.deliverer.deliver(world.queue.sent[0].errand)
    assert world.stored(event).status is Status.SUCCEEDED
    assert len(world.wire.posted) == 1


def test_old_messages_and_duplicates_change_nothing(failing: World) -> None:
    """W-05: the plan does not double."""
    event = failing.event()
    for _ in range(5):
        failing.deliverer.deliver(failing.errand(event))
    assert len(failing.wire.posted) == len(failing.queue.sent) == 1
    failing.deliverer.deliver(replace(failing.errand(event), attempt=3))
    assert len(failing.wire.posted) == 1


def test_two_at_once_send_twice_but_count_once(failing: World) -> None:
    """At least once: both have sent when the first writes; the second finds its attempt made and plans nothing."""
    event = failing.event()
    errand = failing.errand(event)
    inner = failing.wire.post

    def overtaken(url: str, headers: Mapping[str, str], body: bytes) -> Outcome:
        failing.deliverer.deliver(errand)
        return replace(inner(url, headers, body), duration_ms=9)

    assert (
        replace(failing.deliverer, sender=type("Slow", (), {"post": staticmethod(overtaken)})()).deliver(errand) is None
    )
    assert len(failing.wire.posted) == 2
    assert len({headers["webhook-id"] for _, headers, _ in failing.wire.posted}) == 1
    assert failing.stored(event).planned == len(failing.queue.sent) == 1


def test_a_manual_attempt_at_the_same_moment_keeps_both_in_the_log(failing: World) -> None:
    event = failing.event()
    failing.deliverer.deliver(failing.errand(event))
    planned, manual = failing.queue.sent[0].errand, replace(failing.errand(event), manual="req_1")
    inner = failing.wire.post

    def overtaken(url: str, headers: Mapping[str, str], body: bytes) -> Outcome:
        failing.deliverer.deliver(manual)
        return inner(url, headers, body)

    replace(failing.deliverer, sender=type("Slow", (), {"post": staticmethod(overtaken)})()).deliver(planned)
    assert [(a.number, a.trigger.value) for a in failing.stored(event).attempts] == [
        (1, "plan"),
        (2, "manual"),
        (3, "plan"),
    ]
    assert failing.stored(event).planned == 2


def test_the_timestamp_is_new_on_each_attempt(failing: World) -> None:
    """W-05."""
    event = failing.event()
    failing.deliverer.deliver(failing.errand(event))
    failing.clock.move(seconds=5)
    failing.deliverer.deliver(failing.queue.sent[0].errand)
    (_, first, body), (_, second, again) = failing.wire.posted
    assert body == again
    assert first["webhook-id"] == second["webhook-id"] == event.id
    assert int(second["webhook-timestamp"]) - int(first["webhook-timestamp"]) == 5
    assert first["webhook-signature"] != second["webhook-signature"]


def test_a_switched_off_endpoint_ends_what_waits(failing: World) -> None:
    """W-18."""
    event = failing.event()
    failing.deliverer.deliver(failing.errand(event))
    failing.change(active=False)
    failing.deliverer.deliver(failing.queue.sent[0].errand)
    assert failing.stored(event).status is Status.CANCELED
    assert len(failing.wire.posted) == 1
    failing.clock.move(days=2)
    assert failing.sweep() == 0


@pytest.mark.parametrize("how", ["deleted", "erased"])
def test_of_an_endpoint_that_is_gone_nothing_that_waits_is_kept(failing: World, how: str) -> None:
    """W-18, U-40: a row written while the endpoint went would be found by nobody."""
    event = failing.event()
    failing.deliverer.deliver(failing.errand(event))
    if how == "deleted":
        assert failing.endpoints.delete(USER, failing.endpoint.id, failing.clock())
    else:
        failing.change(active=False, disabled_reason=ERASED)
    assert failing.deliverer.deliver(failing.queue.sent[0].errand) is None
    assert failing.deliveries.find(delivery_id(event.id, failing.endpoint.id)) is None
    assert len(failing.wire.posted) == 1


def test_an_event_that_is_gone_is_no_error(failing: World) -> None:
    assert (
        failing.deliverer.deliver(Errand(USER, failing.endpoint.id, derived_id("evt", failing.clock(), "never")))
        is None
    )
    assert failing.wire.posted == []


def test_an_event_without_a_callback_url_has_no_callback(failing: World) -> None:
    assert failing.deliverer.deliver(Errand(USER, CALLBACK, failing.event().id)) is None


def test_a_changed_address_holds_for_the_next_attempt(failing: World) -> None:
    event = failing.event()
    failing.deliverer.deliver(failing.errand(event))
    failing.change(url="https://new.example.com")
    failing.deliverer.deliver(failing.queue.sent[0].errand)
    assert [url for url, _, _ in failing.wire.posted] == ["https://hooks.example.com", "https://new.example.com"]


def test_publishing_goes_to_the_lane_first_and_to_the_callback_last(clock: HeldClock) -> None:
    world = World(clock)
    event = world.event(
        dispatch=Dispatch("speech", "standard", "job_1"), callback_url="https://own.example.com", request_id="req-1"
    )
    assert world.publisher.publish(event) == 2
    assert world.lanes.sent == [(USER, Dispatch("speech", "standard", "job_1"), "req-1")]
    assert [(s.errand.endpoint_id, s.errand.attempt, s.request_id) for s in world.queue.sent] == [
        (world.endpoint.id, 1, "req-1"),
        (CALLBACK, 1, "req-1"),
    ]
    for sent in world.queue.sent:
        world.deliverer.deliver(sent.errand)
    assert [url for url, _, _ in world.wire.posted] == ["https://hooks.example.com", "https://own.example.com"]


def test_a_sweep_that_loses_the_race_sends_nothing(failing: World) -> None:
    event = failing.event()
    failing.deliverer.deliver(failing.errand(event))
    failing.queue.sent.clear()
    failing.clock.move(minutes=6)
    stale = list(failing.deliveries.due(failing.clock()))
    assert len(stale) == 1
    assert failing.sweep() == 1
    with pytest.raises(Stale):
        failing.deliveries.replace(stale[0], replace(stale[0], version=stale[0].version + 1, planned=7))


def judged(world: World, *hours: float) -> list[bool]:
    """An attempt of another event at each of these hours, counted from the first; whether the endpoint was on after it."""
    begun, on = world.clock.now, []
    for number, hour in enumerate(hours):
        world.clock.now = begun + timedelta(hours=hour)
        world.deliverer.deliver(world.errand(world.event(f"at {number}")))
        on.append(world.now().active)
    return on


def test_an_endpoint_that_only_fails_for_five_days_is_switched_off_with_mail_and_event(failing: World) -> None:
    """W-17, as Svix's test of repeated failure: the five days begin once failures span twelve hours."""
    assert judged(failing, 0, 11.9, 12, 60, 100, 131.9) == [True] * 6
    assert judged(failing, 0.1) == [False]
    off = failing.now()
    assert (off.disabled_reason, off.failing, off.ended_at) == ("failing", None, failing.clock.now)
    (event,) = [
        e
        for e in failing.events.between(USER, failing.clock.now, failing.clock.now + timedelta(seconds=1))
        if e.type == "webhook.disabled"
    ]
    assert (event.data["id"], event.data["reason"]) == (off.id, "failing")
    assert event.dispatch == Dispatch("mail", "webhook_failing", off.id)


def test_failures_that_nobody_saw_for_two_days_are_forgotten(failing: World) -> None:
    """W-17, as Svix's test of expiry: the next failure begins anew."""
    assert all(judged(failing, 0, 13, 60, 60 + 49, 60 + 49 + 120))
    assert failing.now().failing is not None


def test_one_success_resets_what_was_counted(clock: HeldClock) -> None:
    """W-17, as Svix's test of sporadic failure."""
    bad, good = Outcome(500, None, 5), Outcome(200, None, 5)
    world = World(clock, *([bad] * 5), good, bad)
    assert all(judged(world, 0, 13, 50, 90, 130, 131))
    assert world.now().failing is None
    assert all(judged(world, 1, 13, 50, 90, 120))


def test_one_event_alone_never_switches_an_endpoint_off(failing: World) -> None:
    """W-17: its ten attempts end before five days are over."""
    event = failing.event()
    failing.deliverer.deliver(failing.errand(event))
    while failing.stored(event).status is Status.PENDING:
        failing.clock.now = failing.stored(event).next_attempt_at or failing.clock.now
        failing.deliverer.deliver(replace(failing.errand(event), attempt=failing.stored(event).planned + 1))
    assert failing.now().active
    assert failing.stored(event).planned == 10


def test_failures_are_noted_once_an_hour_and_successes_not_at_all(clock: HeldClock) -> None:
    """What a healthy endpoint costs: nothing; a failing one: a write an hour."""
    world = World(clock)
    judged(world, *(n / 10 for n in range(20)))
    assert world.now().version == 1
    bad = World(clock, Outcome(500, None, 5))
    judged(bad, *(n / 10 for n in range(30)))
    assert bad.now().version <= 1 + 1 + 3


def test_410_switches_off_at_once_with_mail_and_event(clock: HeldClock) -> None:
    """W-16."""
    world = World(clock, Outcome(500, None, 5), Outcome(410, None, 5))
    older, newer = world.event("older"), world.event("newer")
    world.deliverer.deliver(world.errand(older))
    world.deliverer.deliver(world.errand(newer))
    assert (world.now().active, world.now().disabled_reason) == (False, "gone")
    (event,) = [
        e
        for e in world.events.between(USER, clock.now, clock.now + timedelta(seconds=1))
        if e.type == "webhook.disabled"
    ]
    mails = MemoryMails()
    replace(world.publisher, mails=mails).publish(event)
    assert [(m.kind, m.user_id, m.about) for m in mails.asked] == [("webhook_gone", USER, world.endpoint.id)]
    world.change(active=True, disabled_reason=None)
    clock.move(seconds=5)
    world.deliverer.deliver(world.queue.sent[0].errand)
    assert world.stored(older).status is Status.CANCELED
    assert len(world.wire.posted) == 2


def test_a_crash_before_the_entry_in_the_log_still_switches_off(
    clock: HeldClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """W-16, W-21: nobody would make the attempt again that said so."""
    world = World(clock, Outcome(410, None, 5))
    event = world.event()

    def crash(*args: object) -> None:
        raise ConnectionError

    monkeypatch.setattr(world.deliveries, "replace", crash)
    with pytest.raises(ConnectionError):
        world.deliverer.deliver(world.errand(event))
    assert not world.now().active


def test_a_change_by_the_owner_at_the_same_moment_is_kept(failing: World, monkeypatch: pytest.MonkeyPatch) -> None:
    replace_, met = failing.endpoints.replace, []

    def overtaken(before: Endpoint, after: Endpoint, event: Event | None = None) -> bool:
        if not met:
            met.append(True)
            failing.change(description="mine")
        return replace_(before, after, event)

    monkeypatch.setattr(failing.endpoints, "replace", overtaken)
    failing.deliverer.deliver(failing.errand(failing.event()))
    assert failing.now().description == "mine"
    assert failing.now().failing is not None


def full(world: World) -> Slot:
    """All slots of the endpoint are taken; gives one of them."""
    taken = [world.slots.take(USER, world.endpoint.id, world.clock.now) for _ in range(SLOTS)]
    assert taken[0] is not None
    return taken[0]


def test_an_endpoint_with_enough_under_way_is_put_off_and_nothing_else(clock: HeldClock) -> None:
    """W-23: the errand comes again later, its turns further and further apart, and loses neither its place in the plan nor its request."""
    world = World(clock)
    event, slot = world.event(), full(world)
    assert world.slots.take(USER, "whk_other", clock.now) is not None
    errand, waits = world.errand(event), []
    for _ in range(8):
        assert world.deliverer.deliver(errand, request_id="req-1") is None
        (sent,) = world.queue.sent
        world.queue.sent.clear()
        assert sent.request_id == "req-1"
        errand = sent.errand
        waits.append(sent.delay.total_seconds())
    assert waits == [1.5, 6, 24, 96, 384, 675, 675, 675]
    assert world.wire.posted == []
    world.slots.free(slot)
    world.deliverer.deliver(errand)
    assert world.stored(event).status is Status.SUCCEEDED
    assert world.stored(event).planned == 1
    manual = replace(world.errand(event), manual="req_1")
    assert world.slots.take(USER, world.endpoint.id, clock.now) is not None
    world.deliverer.deliver(manual)
    assert world.queue.sent[0].errand == replace(manual, turn=1)


def test_what_is_put_off_is_not_taken_for_lost_and_what_is_done_is_not_put_off(failing: World) -> None:
    """W-12, W-23."""
    event = failing.event()
    failing.deliverer.deliver(failing.errand(event))
    second = failing.queue.sent.pop().errand
    failing.clock.move(seconds=5)
    full(failing)
    failing.deliverer.deliver(second)
    (sent,) = failing.queue.sent
    assert sent.errand == replace(second, turn=1)
    assert failing.stored(event).due_at == failing.clock.now + sent.delay + GRACE
    assert failing.stored(event).planned == 1
    failing.deliverer.deliver(failing.errand(event))
    assert failing.queue.sent == [sent]


def test_a_slot_is_given_back_whatever_happens(clock: HeldClock) -> None:
    world = World(clock)

    def die(*args: object) -> Outcome:
        raise ConnectionError

    dead = replace(world.deliverer, sender=type("Dead", (), {"post": die})())
    for number in range(SLOTS + 1):
        with pytest.raises(ConnectionError):
            dead.deliver(world.errand(world.event(str(number))))
    world.deliverer.deliver(world.errand(world.event("last")))
    assert len(world.wire.posted) == 1


def test_when_a_work_is_not_done_any_more_those_that_waited_for_it_go_to_their_lane(clock: HeldClock) -> None:
    """A stream that tells of it twice sends them twice: a job is claimed once."""
    world = World(clock)
    lease = timedelta(seconds=60)
    for number in (1, 2):
        job = Job(f"job_{number}", JobKind.SPEECH, USER, JobStatus.QUEUED, clock(), lane="priority", tier="premium")
        world.jobs.apply(model.create(job, clock()))
    claims = [
        model.claim(job, owner="w", message_id="m", lease=lease, now=clock())
        for job in world.jobs.list(USER, JobKind.SPEECH, limit=5).items
    ]
    for claim in claims:
        world.jobs.apply(claim)
    first, second = (claim.after for claim in claims)
    world.jobs.apply(model.wait(second, owner="w", now=clock(), work_key="k"), behind=first)
    ended = model.finish(first, owner="w", now=clock(), work_key="k").event
    assert ended
    assert ended.wakes == "k"
    world.publisher.publish(ended)
    assert world.lanes.sent == [(USER, Dispatch("speech", "priority", second.id), None)]


def test_each_attempt_is_measured_and_of_the_first_how_long_its_receiver_waited(clock: HeldClock) -> None:
    """O-05: a repeat of an errand that was done attempts nothing, and counts nothing."""
    world = World(clock, Outcome(503, None, 5), Outcome(None, "timeout", 5), Outcome(204, None, 5))
    event = world.event()
    clock.move(seconds=2)
    world.deliverer.deliver(world.errand(event))
    world.deliverer.deliver(world.errand(event))
    world.deliverer.deliver(replace(world.errand(event), attempt=2))
    world.deliverer.deliver(replace(world.errand(event), manual="req_1"))
    assert world.metrics.seen == [
        ("WebhookAttempts", 1, {"class": "5xx"}),
        ("DeliveryLagMs", 2000.0, {}),
        ("WebhookAttempts", 1, {"class": "timeout"}),
        ("WebhookAttempts", 1, {"class": "2xx"}),
    ]


def test_what_an_event_measured_is_told_when_it_is_published(clock: HeldClock) -> None:
    """O-05: with the dimensions that its data have."""
    world = World(clock)
    data = {"id": "job_1", "kind": "speech", "error": {"code": "voice_unknown", "detail": "…"}}
    event = replace(world.event(), data=data, measured={"JobsAccepted": 1, "JobsFailed": 1})
    world.publisher.publish(event)
    reused = Event(
        derived_id("evt", clock(), "r"), USER, "user.session_reused", clock(), {}, measured={"ReuseDetected": 1}
    )
    world.publisher.publish(reused)
    assert world.metrics.seen == [
        ("JobsAccepted", 1, {"kind": "speech"}),
        ("JobsFailed", 1, {"kind": "speech", "code": "voice_unknown"}),
        ("ReuseDetected", 1, {}),
    ]


def test_when_a_turn_is_free_the_oldest_that_waits_for_it_goes_to_its_lane(clock: HeldClock) -> None:
    """Q-40: the message goes to the lane of the job; the same event twice sends it twice."""
    world = World(clock)
    jobs = [Job(f"job_{n}", JobKind.SPEECH, USER, JobStatus.QUEUED, clock()) for n in range(3)]
    for job in jobs:
        world.jobs.apply(model.create(job, clock()))

    def now(job: Job) -> Job:
        found = world.jobs.get(USER, JobKind.SPEECH, job.id)
        assert found
        return found

    lease = timedelta(seconds=60)
    world.jobs.apply(model.claim(now(jobs[0]), owner="w", message_id="m", lease=lease, now=clock()))
    for job in jobs[1:]:
        world.jobs.apply(model.await_turn(now(job), clock()), crowded=True)
    world.jobs.apply(model.finish(now(jobs[0]), owner="w", now=clock()))
    for _ in range(2):
        world.publisher.publish(world.jobs.events[-1])
    assert world.lanes.sent == [(USER, Dispatch("speech", "standard", "job_1"), None)] * 2


def test_an_event_is_counted_once_with_the_deliveries_that_it_begins(clock: HeldClock) -> None:
    """Q-12"""
    world = World(clock)
    event = world.event(counts={"speech_succeeded": 1}, callback_url="https://b.example.com")
    for _ in range(2):
        world.publisher.publish(event)
    (hour,) = world.tally.hours(clock() - timedelta(hours=1), clock() + timedelta(hours=1))
    assert hour.counts == {"speech_succeeded": 1, "deliveries": 2}

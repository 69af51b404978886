"""W-21: publisher, delivery and sweep killed at random points while 500 events go through: each is delivered at least once, none is lost."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from antiphon.identity.mail_memory import MemoryMails
from antiphon.platform.events import Event
from antiphon.platform.ids import derived_id
from antiphon.realtime.memory import nobody
from antiphon.search.memory import MemoryIndexQueue
from antiphon.speech.memory import MemoryJobStore
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
    Sent,
)
from antiphon.webhooks.model import Endpoint, Errand, Outcome, Status, place_of
from antiphon.webhooks.publish import Publisher
from antiphon.webhooks.secrets import Secrets
from antiphon.webhooks.sweep import SweepDeliveries
from tests.unit.conftest import HeldClock

USER = "usr_01"
EVENTS = 500
DIES = 0.03
"""How likely each step of a process is its last."""


class Killed(BaseException):
    """Like SIGKILL: nothing catches it."""


class Mortal:
    """Whatever is called through it may be the last call of its process: made or not made."""

    def __init__(self, inner: Any, chance: random.Random, alive: list[bool]) -> None:
        self._inner, self._chance, self._alive = inner, chance, alive

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        return self._dying(found) if callable(found) else found

    def _dying(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def step(*args: Any, **options: Any) -> Any:
            if self._alive[0]:
                return call(*args, **options)
            if self._chance.random() < DIES:
                raise Killed
            done = call(*args, **options)
            if self._chance.random() < DIES:
                raise Killed
            return done

        return step


class Receivers:
    """They fail three of ten first requests."""

    def __init__(self, chance: random.Random) -> None:
        self.got: Counter[tuple[str, str]] = Counter()
        self._chance = chance

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Outcome:
        self.got[url, headers["webhook-id"]] += 1
        first = self.got[url, headers["webhook-id"]] == 1
        return Outcome(500 if first and self._chance.random() < 0.3 else 200, None, 5)


class System:
    """What Lambda, SQS and the schedule do around our code: repeat what died, deliver in any order, sometimes twice."""

    def __init__(self, clock: HeldClock, seed: int) -> None:
        self.clock, self.chance = clock, random.Random(seed)
        self.safe = [False]
        self.kills = 0
        self.events, self.queue = MemoryEventStore(), MemoryDeliveryQueue()
        self.deliveries, self.receivers = MemoryDeliveryStore(), Receivers(self.chance)
        endpoints, secrets = MemoryEndpointStore(self.events), Secrets(MemoryVault(), clock)
        self.urls = ["https://a.example.com", "https://b.example.com"]
        for url in self.urls:
            name = derived_id("whk", clock(), url)
            secret, _ = secrets.make(place_of(USER, name))
            endpoints.create(Endpoint(name, USER, url, ("*",), clock(), (secret,)))

        def mortal(inner: Any) -> Any:
            return Mortal(inner, self.chance, self.safe)

        queue = mortal(self.queue)
        self.publisher = Publisher(
            mortal(endpoints),
            MemoryLanes(),
            queue,
            MemoryMails(),
            MemoryIndexQueue(),
            MemoryJobStore(),
            nobody(),
            mortal(MemoryTally()),
        )
        self.deliverer = Deliverer(
            mortal(endpoints), secrets, mortal(self.deliveries), mortal(self.events), queue, mortal(MemorySlots()),
            mortal(self.receivers), clock, self.chance.random,
        )  # fmt: skip
        self.sweep = SweepDeliveries(mortal(self.deliveries), queue, clock)
        self.waiting: list[tuple[Any, Errand]] = []

    def survives(self, work: Callable[[], object]) -> bool:
        try:
            work()
        except Killed:
            self.kills += 1
            return False
        return True

    def take(self) -> None:
        """Messages that were sent lie in the queue until their moment."""
        sent: list[Sent] = self.queue.sent
        self.waiting += [(self.clock.now + s.delay, s.errand) for s in sent]
        sent.clear()

    def minute(self) -> None:
        self.clock.move(minutes=1)
        self.survives(self.sweep)
        self.take()
        ready = [entry for entry in self.waiting if entry[0] <= self.clock.now]
        self.waiting = [entry for entry in self.waiting if entry[0] > self.clock.now]
        self.chance.shuffle(ready)
        for entry in ready + self.chance.sample(ready, len(ready) // 20):
            if not self.survives(lambda errand=entry[1]: self.deliverer.deliver(errand)):  # type: ignore[misc]
                self.waiting.append((self.clock.now + timedelta(minutes=3), entry[1]))
            self.take()


def test_five_hundred_events_survive_a_thousand_deaths(clock: HeldClock) -> None:
    system = System(clock, seed=20261127)
    for number in range(EVENTS):
        at = clock.now + timedelta(milliseconds=number)
        event = Event(
            derived_id("evt", at, str(number)),
            USER,
            "speech.succeeded",
            at,
            {"id": f"job_{number}"},
            callback_url="https://c.example.com",
        )
        system.events.put(event)
        while not system.survives(lambda event=event: system.publisher.publish(event)):  # type: ignore[misc]
            pass
    system.take()
    for minute in range(60 * 12):
        system.minute()
        if minute > 10 and not system.waiting and not list(system.deliveries.due(clock.now + timedelta(days=9))):
            break
    urls = [*system.urls, "https://c.example.com"]
    assert len(system.receivers.got) == EVENTS * len(urls)
    assert {url for url, _ in system.receivers.got} == set(urls)
    stored = list(system.deliveries._deliveries.values())
    assert len(stored) == EVENTS * len(urls)
    assert {d.status for d in stored} == {Status.SUCCEEDED}
    requests, counted = sum(system.receivers.got.values()), sum(d.planned for d in stored)
    duplicates = requests - counted
    print(f"{system.kills} deaths, {requests} requests for {len(stored)} deliveries, {duplicates} of them twice")
    assert system.kills > 500
    assert 0 < duplicates < len(stored) * 0.25
    assert all(d.planned == len(d.attempts) for d in stored)

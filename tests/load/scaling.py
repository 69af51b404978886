"""What the rules of infra/gpu.yaml would do: `python -m tests.load.scaling` prints the table of decisions/0051.

A simulation by events. Work arrives; once a minute SQS tells how much waits and how much is in hand, and a minute later the alarms know; they set how many
workers there shall be; a worker needs minutes to start; Spot instances are taken back. A worker with a job is protected: it is stopped when its job has
ended and no other waits.
"""

from __future__ import annotations

import heapq
import random
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import NamedTuple

from antiphon.speech.prices import PRICES
from infra.local.costs import PRICE_LIST

MINUTE, HOUR = 60.0, 3600.0


@dataclass(frozen=True)
class Rules:
    """As in infra/gpu.yaml and its parameters; a test holds that these are the same. steps: (messages, workers), the smallest first. in_hand: whether messages
    that workers have count beside those that wait."""

    steps: tuple[tuple[int, int], ...] = ((1, 1), (3, 2), (6, 4), (20, 1000))
    idle_minutes: int = 5
    least: int = 0
    most: int = 4
    on_demand_base: int = 1
    on_demand_weight: int = 0
    spot_weight: int = 1
    in_hand: bool = True

    def wanted(self, messages: int) -> int:
        """Workers for so many messages, one at least."""
        found = [workers for least, workers in self.steps if messages >= least][-1]
        return min(max(found, self.least), self.most)


@dataclass(frozen=True)
class World:
    """What is assumed, none of it measured. start: seconds, from and to, until a worker takes its first job (instance, image of 7 GB, models of 3.5 GB).
    returns: of a Spot instance, an hour. lost: seconds of work that a job which was handed back repeats. spot_price: of the On-Demand price.
    leaves: seconds for which an instance is paid after its worker."""

    start: tuple[float, float] = (180.0, 360.0)
    returns: float = 0.1
    lost: float = 5.0
    spot_price: float = 0.5
    leaves: float = 60.0
    delay: int = 1
    """Minutes until an alarm knows what SQS told."""


class Job(NamedTuple):
    """arrives, work: seconds; audio: seconds of the recording."""

    arrives: float
    work: float
    audio: float


@dataclass(eq=False)
class Worker:
    spot: bool
    since: float
    ready: bool = False
    job: int | None = None
    began: float = 0.0


@dataclass
class Outcome:
    """waits: of each job from its arrival until a worker has it for the first time. worked: seconds, repeats included."""

    waits: list[float] = field(default_factory=list)
    ended: list[int] = field(default_factory=list)
    audio: float = 0.0
    worked: float = 0.0
    on_demand: float = 0.0
    spot: float = 0.0
    returned: int = 0
    most: int = 0
    last: float = 0.0

    def wait(self, share: float) -> float:
        return sorted(self.waits)[min(int(share * len(self.waits)), len(self.waits) - 1)]

    def usd(self, world: World) -> float:
        return (self.on_demand + world.spot_price * self.spot) / HOUR * PRICES[-1].usd_per_hour

    def usd_per_audio_hour(self, world: World) -> float:
        return self.usd(world) / (self.audio / HOUR)


class Simulation:
    def __init__(self, jobs: Sequence[Job], rules: Rules, world: World, seed: int = 1) -> None:
        self._jobs = jobs
        self._left = [job.work for job in jobs]
        self._rules = rules
        self._world = world
        self._random = random.Random(seed)
        self._now = 0.0
        self._order = count()
        self._events: list[tuple[float, int, str, object]] = []
        self._waiting: deque[int] = deque()
        self._workers: list[Worker] = []
        self._wanted = rules.least
        self._told: deque[tuple[int, int]] = deque(maxlen=rules.idle_minutes + world.delay)
        self._seen: set[int] = set()
        self.outcome = Outcome(audio=sum(job.audio for job in jobs))

    def run(self) -> Outcome:
        """Until every job has ended and the workers beyond the least are gone."""
        for index, job in enumerate(self._jobs):
            self._at(job.arrives, "arrival", index)
        self._at(MINUTE, "minute", None)
        self._settle()
        while len(self.outcome.ended) < len(self._jobs) or len(self._workers) > self._rules.least:
            self._now, _, what, which = heapq.heappop(self._events)
            getattr(self, f"_{what}")(which)
        for worker in list(self._workers):
            self._pay(worker)
        return self.outcome

    def _at(self, when: float, what: str, which: object) -> None:
        heapq.heappush(self._events, (when, next(self._order), what, which))

    def _arrival(self, index: int) -> None:
        self._waiting.append(index)
        self._hand_out()

    def _minute(self, _: object) -> None:
        self._at(self._now + MINUTE, "minute", None)
        self._told.append((len(self._waiting), sum(worker.job is not None for worker in self._workers)))
        known = list(self._told)[: -self._world.delay or None]
        messages = known[-1][0] + (known[-1][1] if self._rules.in_hand else 0) if known else 0
        if messages:
            self._wanted = self._rules.wanted(messages)
        elif len(known) == self._rules.idle_minutes and not any(map(sum, known)):
            self._wanted = self._rules.least
        self._settle()

    def _ready(self, worker: Worker) -> None:
        if worker in self._workers:
            worker.ready = True
            self._hand_out()

    def _done(self, which: tuple[Worker, int]) -> None:
        worker, index = which
        if worker.job != index or worker not in self._workers:  # it was taken away from under the job
            return
        worker.job = None
        self.outcome.worked += self._now - worker.began
        self.outcome.ended.append(index)
        self.outcome.last = self._now
        self._hand_out()
        self._settle()

    def _returned(self, worker: Worker) -> None:
        if worker not in self._workers:
            return
        self.outcome.returned += 1
        if worker.job is not None:
            done = self._now - worker.began
            self.outcome.worked += done
            self._left[worker.job] -= max(0.0, done - self._world.lost)
            self._waiting.appendleft(worker.job)
        self._leave(worker)
        self._hand_out()
        self._settle()

    def _hand_out(self) -> None:
        for worker in self._workers:
            if not self._waiting:
                return
            if worker.ready and worker.job is None:
                index = self._waiting.popleft()
                worker.job, worker.began = index, self._now
                if index not in self._seen:
                    self._seen.add(index)
                    self.outcome.waits.append(self._now - self._jobs[index].arrives)
                self._at(self._now + self._left[index], "done", (worker, index))

    def _settle(self) -> None:
        """As ECS does: start what is missing; stop what is too many, but nothing that has a job."""
        for worker in sorted(self._workers, key=lambda each: each.ready, reverse=True):
            if len(self._workers) > self._wanted and worker.job is None:
                self._leave(worker)
        while len(self._workers) < self._wanted:
            worker = Worker(self._next_is_spot(), self._now)
            self._workers.append(worker)
            self._at(self._now + self._random.uniform(*self._world.start), "ready", worker)
            if worker.spot and self._world.returns:
                self._at(self._now + self._random.expovariate(self._world.returns / HOUR), "returned", worker)
        self.outcome.most = max(self.outcome.most, len(self._workers))

    def _next_is_spot(self) -> bool:
        """The base first, then by weight."""
        spot = sum(worker.spot for worker in self._workers)
        plain = len(self._workers) - spot
        if plain < self._rules.on_demand_base:
            return False
        beyond = plain - self._rules.on_demand_base
        return spot * self._rules.on_demand_weight <= beyond * self._rules.spot_weight

    def _leave(self, worker: Worker) -> None:
        self._workers.remove(worker)
        self._pay(worker)

    def _pay(self, worker: Worker) -> None:
        seconds = max(MINUTE, self._now - worker.since + self._world.leaves)
        if worker.spot:
            self.outcome.spot += seconds
        else:
            self.outcome.on_demand += seconds


WORK_PER_AUDIO = PRICE_LIST.transcriber_seconds
WORK_PER_JOB = 3.0
"""Seconds of a worker for each job beside its audio. Not measured."""


def recording(arrives: float, minutes: float) -> Job:
    return Job(arrives, minutes * MINUTE * WORK_PER_AUDIO + WORK_PER_JOB, minutes * MINUTE)


def trickle(hours: float = 24) -> list[Job]:
    """A recording of half an hour now and then, three an hour on average."""
    return list(_poisson(random.Random(7), 3 / HOUR, hours, 30))


def steady(hours: float = 24) -> list[Job]:
    """Two recordings of half an hour a minute: work for 1.9 workers."""
    return list(_poisson(random.Random(7), 2 / MINUTE, hours, 30))


def burst(recordings: int = 10_000) -> list[Job]:
    """Ten minutes each, all at once."""
    return [recording(0.0, 10) for _ in range(recordings)]


def _poisson(chance: random.Random, rate: float, hours: float, minutes: float) -> Iterable[Job]:
    now = chance.expovariate(rate)
    while now < hours * HOUR:
        yield recording(now, minutes)
        now += chance.expovariate(rate)


LOADS = {"trickle": trickle, "steady": steady, "burst": burst}
CHOICES = {
    "defaults": Rules(),
    "idle 2": Rules(idle_minutes=2),
    "idle 15": Rules(idle_minutes=15),
    "one warm": Rules(least=1),
    "most 16": Rules(most=16),
    "only what waits": Rules(in_hand=False),
    "all at once": Rules(steps=((1, 1000),)),
    "On-Demand only": Rules(on_demand_base=1000),
    "Spot only": Rules(on_demand_base=0),
}


def line(load: str, name: str, world: World) -> str:
    found = Simulation(LOADS[load](), CHOICES[name], world).run()
    return (
        f"| {load} | {name} | {found.wait(0.5):.0f} s | {found.wait(0.95):.0f} s | {found.last / HOUR:.1f} h | {found.most} | "
        f"{found.returned} | {found.usd_per_audio_hour(world):.3f} |"
    )


def table(world: World) -> list[str]:
    return [
        "| Load | Rules | wait p50 | wait p95 | all done after | workers at most | Spot returns | $ per audio hour |",
        "|---|---|---|---|---|---|---|---|",
        *(line(load, name, world) for load in LOADS for name in CHOICES),
    ]


if __name__ == "__main__":
    print("\n".join(table(World())))

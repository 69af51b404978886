"""The events of a job: each piece once, in order, from any event on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from antiphon.platform.errors import Invalid
from antiphon.speech import model
from antiphon.speech.memory import MemoryJobStore
from antiphon.speech.model import Checkpoint, Failure, Job, Kind, Source, Status
from antiphon.speech.ports import Chunk, Mark, Numbered
from antiphon.speech.watch import Place, Told, Watch
from tests.contract.test_job_store import said

LEASE = timedelta(seconds=60)
LONG = 1000.0


class Works:
    """A job that goes one step further whenever the watcher waits."""

    def __init__(self, clock: Any, kind: Kind = Kind.TRANSCRIPTION) -> None:
        self.clock, self.kind = clock, kind
        self.jobs = MemoryJobStore()
        source = Source("b", "uploads/x", size=1)
        change = model.create(Job("job_1", kind, "usr_1", Status.QUEUED, clock(), source=source), clock())
        self.jobs.apply(change)
        self.steps: Iterator[Callable[[], None]] = iter(())
        self.watch = Watch(self.jobs, self._sleep)

    async def _sleep(self, seconds: float) -> None:
        next(self.steps, lambda: None)()

    @property
    def job(self) -> Job:
        job = self.jobs.get("usr_1", self.kind, "job_1")
        assert job
        return job

    def claim(self) -> None:
        self.jobs.apply(model.claim(self.job, owner="w", message_id="m", lease=LEASE, now=self.clock()))

    def say(self, *texts: str) -> Callable[[], None]:
        def step() -> None:
            at = self.job.checkpoint.count
            forth = Checkpoint(30.0 * (at + 1), at + len(texts))
            change = model.advance(
                self.job, owner="w", lease=LEASE, now=self.clock(), checkpoint=forth, progress=10 * at + 1, stage="s"
            )
            if self.kind is Kind.SPEECH:
                self.jobs.apply(change, mark=Mark(at, texts[0], 0.0, 1.0, (), "key"))
            else:
                self.jobs.apply(change, chunk=Chunk(at, said(*texts)))

        return step

    def finish(self) -> None:
        self.jobs.apply(model.finish(self.job, owner="w", now=self.clock()))

    def fail(self) -> None:
        self.jobs.apply(model.fail(self.job, Failure("x", "y"), self.clock(), owner="w"))

    def whole(self, end: Callable[[], None] | None = None) -> None:
        self.steps = iter([self.claim, self.say("a", "b"), self.say(), self.say("c"), end or self.finish])


async def told(works: Works, place: Place = Place(), seconds: float = LONG, most: int = 1000) -> list[Told]:
    seen: list[Told] = []
    async for each in works.watch(works.job, place, seconds=seconds):
        seen.append(each)
        if len(seen) == most:
            break
    return seen


def texts(events: list[Told]) -> list[str]:
    pieces = [e.piece for e in events if e.piece is not None]
    return [p.segment.text if isinstance(p, Numbered) else p.text for p in pieces]


def test_a_job_is_told_from_its_beginning_to_its_end(clock: Any) -> None:
    works = Works(clock)
    works.whole()
    events = asyncio.run(told(works))
    names = [e.name for e in events]
    assert names == ["status", "status", "segment", "segment", "status", "progress", "segment", "progress", "done"]
    assert texts(events) == ["a", "b", "c"]
    assert str(events[-1].place) == f"{works.job.version}.3.end"


def test_whoever_comes_back_at_any_event_misses_and_repeats_nothing(clock: Any) -> None:
    """PEERS 4, row 6: cut after each event in turn, and each time picked up at the last one seen."""
    works = Works(clock)
    works.whole()
    place, seen = Place(), []
    while not place.ended:
        (each,) = asyncio.run(told(works, place, most=1))
        seen.append(each)
        place = Place.read(str(each.place))
    assert texts(seen) == ["a", "b", "c"]
    assert seen[-1].name == "done"
    assert len(seen) >= 7


def test_who_comes_when_all_is_over_is_told_all_at_once(clock: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("antiphon.speech.watch.MOST", 2)
    works = Works(clock)
    for step in (works.claim, works.say("a", "b"), works.say("c"), works.finish):
        step()
    events = asyncio.run(told(works))
    assert [e.name for e in events] == ["segment", "segment", "segment", "done"]
    assert [e.name for e in asyncio.run(told(works, events[1].place))] == ["segment", "done"]


@pytest.mark.parametrize("kind", [Kind.TRANSCRIPTION, Kind.SPEECH])
def test_a_job_that_fails_says_so_and_ends(clock: Any, kind: Kind) -> None:
    works = Works(clock, kind)
    works.steps = iter([works.claim, works.say("a"), works.say("b"), works.fail])
    events = asyncio.run(told(works))
    assert (texts(events), events[-1].name) == (["a", "b"], "failed")
    assert {e.name for e in events} & {"segment", "sentence"} == {
        "segment" if kind is Kind.TRANSCRIPTION else "sentence"
    }


def test_what_is_deleted_meanwhile_ends(clock: Any) -> None:
    works = Works(clock)
    works.steps = iter([works.claim, lambda: works.jobs.delete(works.job) and None])
    assert [e.name for e in asyncio.run(told(works))] == ["status", "status"]


def test_after_so_many_seconds_the_watcher_has_to_come_back(clock: Any) -> None:
    works = Works(clock)
    assert [e.name for e in asyncio.run(told(works, seconds=5.0))] == ["status"]


@pytest.mark.parametrize("text", ["", "x", "1", "1.2.3", "-1.0", "1.0.END", "9" * 30 + ".1"])
def test_an_id_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        Place.read(text)

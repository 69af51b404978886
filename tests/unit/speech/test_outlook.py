"""What a job costs, its place in the line, and when it will be done."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.speech import model
from antiphon.speech.model import Change, Failure, Job, Kind, Source, Status
from antiphon.speech.outlook import Depth, Outlooks, cost_of
from antiphon.speech.pace import Pace, mixed
from antiphon.speech.pace_memory import MemoryDepths, MemoryPaces
from antiphon.speech.prices import PRICES, Price, usd
from tests.unit.conftest import HeldClock

LEASE = timedelta(seconds=60)
AUDIO = (Kind.TRANSCRIPTION, "standard")
STEPS = st.lists(
    st.tuples(st.sampled_from(["work", "hand back", "die", "fail"]), st.integers(0, 50), st.integers(0, 500)),
    max_size=12,
)


def queued(clock: Any, **known: Any) -> Job:
    source = Source("b", "uploads/x", size=1)
    return model.create(
        Job("job_1", Kind.TRANSCRIPTION, "usr_1", Status.QUEUED, clock(), source=source, **known), clock()
    ).after


def claimed(job: Job, clock: Any) -> Job:
    return model.claim(job, owner="w", message_id="m", lease=LEASE, now=clock()).after


@given(steps=STEPS)
def test_the_cost_of_a_job_is_the_time_that_workers_had_it(steps: list[tuple[str, int, int]]) -> None:
    """PEERS 4, row 8: with the waiting between, and without what a worker that died had not told of."""
    clock = HeldClock()
    job, told = claimed(queued(clock), clock), 0
    for what, working, waiting in steps:
        clock.move(seconds=working)
        change: Change | None = None
        match what:
            case "work":
                change = model.advance(job, owner="w", lease=LEASE, now=clock())
            case "hand back":
                change = model.hand_back(job, owner="w", now=clock())
            case "fail":
                change = model.fail(job, Failure("x", "y"), clock(), owner="w")
        if change is None:  # it died: the time since the last chunk is lost, and nobody's
            clock.move(seconds=61 + waiting)
            job = claimed(replace(job, lease_expires_at=clock() - LEASE), clock)
            continue
        job, told = change.after, told + working
        assert job.busy_ms == told * 1000
        if what != "work":
            clock.move(seconds=waiting)
            job = claimed(model.retry(job, clock()).after if what == "fail" else job, clock)
    clock.move(seconds=7)
    done = model.finish(job, owner="w", now=clock()).after
    cost = cost_of(done)
    assert cost
    assert cost.gpu_seconds == told + 7
    assert cost.usd == pytest.approx((told + 7) * PRICES[-1].usd_per_hour / 3600, abs=1e-6)


def test_a_job_that_no_worker_had_costs_nothing(clock: Any) -> None:
    assert cost_of(queued(clock)) is None
    assert cost_of(model.cancel(queued(clock), clock()).after) is None


def test_a_job_keeps_the_price_of_its_day(clock: Any) -> None:
    then, now = clock(), clock.move(days=10)
    prices = (Price(then, 1.0, "one"), Price(now, 2.0, "another"))
    assert usd(3600, then - timedelta(days=1), prices) == usd(3600, then, prices) == 1.0
    assert usd(3600, now, prices) == 2.0


@pytest.fixture
def paces() -> MemoryPaces:
    paces = MemoryPaces()
    paces.learn(*AUDIO, Pace(unit_ms=100.0, job_ms=6_000.0, off=0.25, jobs=10))
    return paces


@pytest.fixture
def depths() -> MemoryDepths:
    return MemoryDepths()


@pytest.fixture
def outlooks(clock: Any, paces: MemoryPaces, depths: MemoryDepths) -> Outlooks:
    return Outlooks(paces=paces, depths=depths, clock=clock)


def test_the_place_in_the_line_falls_with_each_job_that_is_taken(
    clock: Any, outlooks: Outlooks, paces: MemoryPaces, depths: MemoryDepths
) -> None:
    depths.depths[AUDIO] = Depth(3, 1)
    job = queued(clock, ticket=outlooks.ticket(*AUDIO))
    depths.depths[AUDIO] = Depth(4, 1)
    seen = [outlooks.of(job).queue_position]
    for waiting in (9, 8, 7, 6, 5):  # others come after it, and do not change its place
        paces.took(*AUDIO)
        depths.depths[AUDIO] = Depth(waiting, 1)
        seen.append(outlooks.of(job).queue_position)
    assert seen == [4, 3, 2, 1, 1, 1]
    depths.depths[AUDIO] = Depth(2, 1)
    assert outlooks.of(replace(job, ticket=None)).queue_position == 2, "at most the last"
    assert outlooks.of(replace(job, kind=Kind.DOCUMENT)).queue_position is None
    assert outlooks.ticket(Kind.DOCUMENT, "standard") is None


def test_the_time_of_a_waiting_job_is_that_of_those_before_it_shared_by_the_workers_and_its_own(
    clock: Any, outlooks: Outlooks, depths: MemoryDepths
) -> None:
    depths.depths[AUDIO] = Depth(5, 2)
    eta = outlooks.of(queued(clock, ticket=5, duration=30.0)).eta
    assert eta
    seconds = (4 * 6.0) / 2 + 30 * 0.1
    assert (eta.at, eta.error) == (clock() + timedelta(seconds=seconds), 0.25 * seconds)


def test_the_time_of_a_running_job_comes_from_what_it_has_taken_so_far(clock: Any, outlooks: Outlooks) -> None:
    job = claimed(queued(clock, duration=60.0), clock)
    first = outlooks.of(job).eta
    assert first
    assert first.at == clock() + timedelta(seconds=6)
    clock.move(seconds=5)
    job = model.advance(job, owner="w", lease=LEASE, now=clock(), progress=25).after
    eta = outlooks.of(job).eta
    assert eta
    assert (eta.at, eta.error) == (clock() + timedelta(seconds=15), 0.25 * 15)
    assert outlooks.of(model.finish(job, owner="w", now=clock()).after).eta is None
    assert outlooks.of(replace(claimed(queued(clock), clock), duration=None)).eta is None


def test_an_estimate_of_what_is_known_and_of_what_is_not(clock: Any, outlooks: Outlooks, depths: MemoryDepths) -> None:
    depths.depths[AUDIO] = Depth(2, 0)
    known = outlooks.estimate(*AUDIO, 600.0)
    assert known.cost
    assert (known.cost.gpu_seconds, known.cost.usd, known.queue_position) == (60.0, usd(60.0, clock()), 3)
    assert known.eta
    assert known.eta.at == clock() + timedelta(seconds=2 * 6 + 60)
    unknown = outlooks.estimate(*AUDIO, None)
    assert (unknown.cost, unknown.eta, unknown.queue_position) == (None, None, 3)


@given(rate=st.floats(1, 1000), amounts=st.lists(st.floats(1, 10_000), min_size=30, max_size=40))
def test_the_averages_find_a_steady_pace_and_then_say_that_they_are_sure(rate: float, amounts: list[float]) -> None:
    pace = Pace(unit_ms=50.0, job_ms=1.0)
    for amount in amounts:
        pace = mixed(pace, amount, rate * amount)
    assert pace.unit_ms == pytest.approx(rate)
    assert pace.off == pytest.approx(0, abs=1e-6)
    assert pace.jobs == len(amounts)


@given(st.lists(st.floats(0.9, 1.1), min_size=60, max_size=60))
def test_where_jobs_differ_by_a_tenth_estimates_are_within_a_quarter_and_the_error_says_so(noise: list[float]) -> None:
    """PEERS 4, row 6"""
    pace = Pace(unit_ms=50.0, job_ms=1.0)
    for n, factor in enumerate(noise):
        took = 100.0 * 10 * factor
        assert n == 0 or abs(pace.unit_ms * 10 - took) <= 0.25 * took
        pace = mixed(pace, 10, took)
    assert 0 <= pace.off <= 0.25

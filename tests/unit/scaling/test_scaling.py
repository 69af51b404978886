"""The simulation of the scaling rules loses nothing, pays for everything, and has the rules that are deployed."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.load.scaling import HOUR, LOADS, MINUTE, Job, Outcome, Rules, Simulation, World, burst, line, recording

JOBS = st.lists(
    st.builds(Job, st.floats(0, 4 * HOUR), st.floats(1, 2 * HOUR), st.floats(1, 3 * HOUR)), min_size=1, max_size=40
)
RULES = st.builds(
    Rules,
    idle_minutes=st.integers(2, 20),
    least=st.integers(0, 2),
    most=st.integers(2, 8),
    on_demand_base=st.integers(0, 3),
    on_demand_weight=st.integers(0, 2),
)
WORLDS = st.builds(World, returns=st.sampled_from([0.0, 0.1, 3.0]), delay=st.integers(1, 3))


@given(jobs=JOBS, rules=RULES, world=WORLDS, seed=st.integers(0, 1000))
def test_every_job_ends_once_whatever_is_taken_back(jobs: list[Job], rules: Rules, world: World, seed: int) -> None:
    found = Simulation(jobs, rules, world, seed).run()
    assert sorted(found.ended) == list(range(len(jobs)))
    assert len(found.waits) == len(jobs)
    assert min(found.waits) >= 0
    assert found.most <= rules.most


@given(jobs=JOBS, rules=RULES, world=WORLDS, seed=st.integers(0, 1000))
def test_what_is_worked_is_the_work_and_the_repeats_and_is_paid(
    jobs: list[Job], rules: Rules, world: World, seed: int
) -> None:
    found = Simulation(jobs, rules, world, seed).run()
    work = sum(job.work for job in jobs)
    assert work - 1e-3 <= found.worked <= work + found.returned * world.lost + 1e-3
    assert found.on_demand + found.spot >= found.worked - 1e-3


def run(jobs: list[Job], rules: Rules, **world: object) -> Outcome:
    return Simulation(jobs, rules, World(returns=0.0, **world)).run()  # type: ignore[arg-type]


def test_one_recording_waits_for_the_alarm_and_the_start_and_its_worker_goes() -> None:
    found = run([recording(10.0, 30)], Rules(idle_minutes=5), start=(200.0, 200.0))
    # Told at 60, known at 120, there at 320.
    assert found.waits == [310.0]
    paid = found.on_demand
    # Gone when five minutes in a row had nothing, of which the alarm knows a minute later.
    assert 200 + 57 + 5 * MINUTE <= paid <= 200 + 57 + 8 * MINUTE


def test_a_warm_worker_takes_it_at_once() -> None:
    jobs = [recording(HOUR, 30)]
    assert run(jobs, Rules(least=1)).waits == [0.0]


def test_a_long_job_alone_is_not_taken_for_idleness() -> None:
    """Q-32: nothing waits, one is in hand."""
    found = run([Job(0.0, 5 * HOUR, HOUR)], Rules(idle_minutes=2))
    assert found.worked == pytest.approx(5 * HOUR)
    assert found.most == 1


def test_a_worker_that_is_one_too_many_ends_its_job_first() -> None:
    jobs = [Job(0.0, 600.0, 1.0) for _ in range(30)]
    found = run(jobs, Rules(most=4), start=(60.0, 60.0))
    assert found.most == 4
    assert found.worked == pytest.approx(30 * 600.0), "nothing was worked on twice"


def test_a_job_of_a_spot_instance_that_is_taken_back_goes_on_where_it_was() -> None:
    jobs = [Job(0.0, 4 * HOUR, HOUR)]
    found = Simulation(jobs, Rules(on_demand_base=0), World(returns=2.0, lost=5.0), seed=3).run()
    assert found.returned >= 2
    assert found.worked <= 4 * HOUR + found.returned * 5.0 + 1e-3


def test_the_base_is_on_demand_and_the_rest_is_spot() -> None:
    found = run(burst(200), Rules(most=4))
    assert found.spot > 2 * found.on_demand > 0


@pytest.mark.parametrize(("waiting", "workers"), [(1, 1), (2, 1), (3, 2), (5, 2), (6, 4), (19, 4), (20, 4)])
def test_so_many_workers_for_so_many_messages(waiting: int, workers: int) -> None:
    assert Rules().wanted(waiting) == workers


def test_twenty_want_all_that_may_be() -> None:
    assert Rules(most=16).wanted(20) == 16


def test_the_decision_shows_what_the_rules_of_today_do() -> None:
    text = (Path(__file__).parents[3] / "infra/decisions/0051-scaling-rules.md").read_text("utf-8")
    for load in LOADS:
        assert line(load, "defaults", World()) in text, "python -m tests.load.scaling"

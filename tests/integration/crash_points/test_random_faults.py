"""Q-25: two hundred jobs while a tenth of all AWS calls fails, some of them more often than the SDK tries."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from antiphon.platform.request import Caller
from antiphon.speech.model import Job, Status
from antiphon.speech.submit import NewJob
from tests.faults import RandomFaults
from tests.integration.crash_points.world import (
    LEASE,
    SENTENCES,
    Script,
    Voice,
    World,
    check_events,
)
from tests.unit.speech.conftest import wav

JOBS, ROUNDS, SHARE = 200, 20, 0.1
"""In rounds, each in an account of its own: moto copies the whole table for each transaction."""
LASTING = 1
"""Faults of a job that outlast the SDK's own tries. A job is tried again a few times, and then failed by right."""
PATIENCE = 30
"""Times that a queue gives one message; a step that needs more has not come to its end."""


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_two_hundred_jobs_survive_calls_that_fail_by_chance(
    world: World, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """Q-21, Q-25: each ends as it would have, once, and nothing is left over."""
    faults = RandomFaults(monkeypatch, seed=seed, share=SHARE)

    def again_and_again(step: Callable[[], bool]) -> None:
        """As a queue does with whoever raises: until it says that nothing is left. A worker that raised keeps its lease until that ends."""
        seen: Exception | None = None
        for _ in range(PATIENCE):
            try:
                with faults.watched():
                    if step():
                        return
            except Exception as error:  # noqa: BLE001  # a queue does not look at it either
                seen = error
                world.pass_time(int(LEASE.total_seconds()) + 1)
        raise AssertionError("it did not come to its end") from seen

    def heard(number: int) -> Job:
        caller = Caller(f"usr_{number:026d}", "free")
        job, arrival = world.uploaded(caller, wav())

        def taken() -> bool:
            world.arrive(arrival)
            return True

        again_and_again(taken)
        world.dispatch(job)
        work = world.transcribing(Script())
        again_and_again(lambda: not world.work_once(work))
        texts = [n.segment.text for n in world.store.segments(job.id)]
        assert texts == ["until 30", "and on", "until 90", "and on"]
        return job

    def spoken(number: int) -> Job:
        caller = Caller(f"usr_{number:026d}", "free")
        new = NewJob(text=" ".join(SENTENCES), options={"voice": "any", "format": "wav"})
        job = world.submit.speech(caller, new).job
        world.dispatch(job)
        work = world.synthesizing(Voice())
        again_and_again(lambda: not world.work_once(work))
        assert [m.index for m in world.store.marks(job.id)] == list(range(len(SENTENCES)))
        return job

    for number in range(JOBS // ROUNDS):
        faults.lasting = LASTING
        job = (heard if number % 2 else spoken)(number)
        done = world.store.get(job.user_id, job.kind, job.id)
        assert done is not None
        assert (done.status, done.error) == (Status.SUCCEEDED, None)
        check_events(world, done)
    depth = world.sqs.get_queue_attributes(QueueUrl=world.url, AttributeNames=["All"])["Attributes"]
    assert depth["ApproximateNumberOfMessages"] == depth["ApproximateNumberOfMessagesNotVisible"] == "0"
    assert not [path for path in world.folder.rglob("*") if path.is_file()]
    assert faults.struck

"""T-03, Q-40: however many claims race, workers of one kind have no more jobs of a user in hand than the tier says, and no turn is lost."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from antiphon.identity.tiers import TIERS
from antiphon.platform.errors import Conflict
from antiphon.speech import model
from antiphon.speech.dynamo import DynamoJobStore
from antiphon.speech.measures import event_of
from antiphon.speech.memory import MemoryJobStore
from antiphon.speech.model import TURN, Job, Kind, Source, Status
from antiphon.speech.ports import Crowded, JobStore, Stale

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
LEASE = timedelta(seconds=60)
USER = "usr_01"
MOST = TIERS["free"].running_jobs


@pytest.fixture(params=["memory", "dynamo"])
def store(request: pytest.FixtureRequest) -> JobStore:
    if request.param == "memory":
        return MemoryJobStore()
    return DynamoJobStore(request.getfixturevalue("table"))


def queued(store: JobStore, number: int, kind: Kind = Kind.SPEECH, user: str = USER, tier: str = "free") -> Job:
    source = Source("bucket", "texts/x", "v1", "0A", 10)
    job = Job(f"job_{number:026d}", kind, user, Status.QUEUED, NOW, source=source, tier=tier)
    store.apply(model.create(job, NOW))
    return now(store, job)


def now(store: JobStore, job: Job) -> Job:
    found = store.get(job.user_id, job.kind, job.id)
    assert found
    return found


def claimed(store: JobStore, job: Job) -> bool:
    try:
        store.apply(model.claim(now(store, job), owner=f"w-{job.id}", message_id=job.id, lease=LEASE, now=NOW))
    except Crowded:
        return False
    return True


def parked(store: JobStore, job: Job) -> bool:
    try:
        store.apply(model.await_turn(now(store, job), NOW), crowded=True)
    except Stale:
        return False
    return True


def finished(store: JobStore, job: Job) -> None:
    job = now(store, job)
    store.apply(model.finish(job, owner=str(job.lease_owner), now=NOW))


def waiting(store: JobStore, workers: str = "speech") -> list[str]:
    return [dispatch.job_id for dispatch in store.turns(USER, workers)]


def test_of_twenty_racing_claims_as_many_win_as_the_tier_says(store: JobStore) -> None:
    """Q-40"""
    jobs = [queued(store, n) for n in range(20)]
    with ThreadPoolExecutor(20) as pool:
        won = list(pool.map(lambda job: claimed(store, job), jobs))
    assert sum(won) == MOST
    assert store.usage(USER, "2026-11").running_speech == MOST
    refused = [now(store, job) for job, took in zip(jobs, won, strict=True) if not took]
    assert {(j.status, j.attempts, j.failures, j.lease_owner) for j in refused} == {(Status.QUEUED, 0, 0, None)}


def test_one_that_finds_no_turn_waits_and_is_found_when_one_has_ended(store: JobStore) -> None:
    """Q-40: no attempt, no failure, and no more than one is woken for one turn."""
    jobs = [queued(store, n) for n in range(MOST + 3)]
    for job in jobs[:MOST]:
        assert claimed(store, job)
    for job in reversed(jobs[MOST:]):
        assert not claimed(store, job)
        assert parked(store, job)
    late = now(store, jobs[-1])
    assert (late.status, late.stage, late.attempts, late.failures) == (Status.QUEUED, TURN, 0, 0)
    assert waiting(store) == []
    finished(store, jobs[0])
    assert waiting(store) == [jobs[MOST].id], "the oldest"
    assert claimed(store, jobs[MOST])
    assert waiting(store) == []
    for job in jobs[1 : MOST + 1]:
        finished(store, job)
    assert waiting(store) == [job.id for job in jobs[MOST + 1 :]][:MOST]


def test_nobody_waits_for_a_turn_that_is_there(store: JobStore) -> None:
    jobs = [queued(store, n) for n in range(MOST + 1)]
    for job in jobs[:MOST]:
        claimed(store, job)
    assert not claimed(store, jobs[MOST])
    finished(store, jobs[0])
    assert not parked(store, jobs[MOST]), "one has ended since: the claim is tried again"
    assert claimed(store, jobs[MOST])
    assert not parked(store, queued(store, 99, user="usr_02"))


def test_other_users_other_workers_and_other_tiers_have_turns_of_their_own(store: JobStore) -> None:
    for number in range(MOST):
        assert claimed(store, queued(store, number))
    assert not claimed(store, queued(store, 50))
    assert claimed(store, queued(store, 51, kind=Kind.EDIT))
    assert claimed(store, queued(store, 52, user="usr_02"))
    assert claimed(store, queued(store, 53, user="usr_03", tier="premium"))


def test_the_steps_of_a_transcription_share_its_turns(store: JobStore) -> None:
    kinds = (Kind.TRANSCRIPTION, Kind.ALIGNMENT, Kind.DIARIZATION, Kind.ASSIGNMENT)
    jobs = [queued(store, n, kind) for n, kind in enumerate(kinds)]
    assert [claimed(store, job) for job in jobs] == [True] * MOST + [False] * (len(kinds) - MOST)


@pytest.mark.parametrize("way", ["fail", "cancel", "hand back", "wait"])
def test_every_way_out_of_a_workers_hand_gives_the_turn_back_and_says_so(store: JobStore, way: str) -> None:
    first, *rest = [queued(store, n) for n in range(MOST)]
    for job in (first, *rest):
        claimed(store, job)
    assert not claimed(store, late := queued(store, 50))
    assert parked(store, late)
    job = now(store, first)
    owner = str(job.lease_owner)
    change = {
        "fail": lambda: model.fail(job, model.Failure("x", "y"), NOW, owner=owner),
        "cancel": lambda: model.cancel(job, NOW),
        "hand back": lambda: model.hand_back(job, owner=owner, now=NOW),
        "wait": lambda: model.wait(job, owner=owner, now=NOW, work_key="k"),
    }[way]()
    store.apply(change)
    event = event_of(change)
    assert event
    assert event.frees == "speech"
    assert waiting(store) == [late.id]
    assert store.usage(USER, "2026-11").running_speech == MOST - 1


def test_a_job_whose_worker_died_is_taken_over_without_a_further_turn(store: JobStore) -> None:
    for number in range(MOST):
        claimed(store, queued(store, number))
    dead = now(store, Job(f"job_{0:026d}", Kind.SPEECH, USER, Status.QUEUED, NOW))
    store.apply(model.claim(dead, owner="next", message_id="m", lease=LEASE, now=NOW + 2 * LEASE))
    assert store.usage(USER, "2026-11").running_speech == MOST


@pytest.mark.parametrize("end", ["cancel", "delete"])
def test_who_waits_no_more_is_not_woken(store: JobStore, end: str) -> None:
    jobs = [queued(store, n) for n in range(MOST + 1)]
    for job in jobs[:MOST]:
        claimed(store, job)
    parked(store, jobs[MOST])
    store.apply(model.cancel(now(store, jobs[MOST]), NOW))
    if end == "delete":
        store.delete(now(store, jobs[MOST]))
    finished(store, jobs[0])
    assert waiting(store) == []


def test_only_a_queued_job_waits_for_its_turn(store: JobStore) -> None:
    job = queued(store, 1)
    claimed(store, job)
    with pytest.raises(Conflict):
        model.await_turn(now(store, job), NOW)

"""T-03: everybody's jobs, found by keys."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Protocol

import pytest
from pynamodb.models import Model

from antiphon.admin.jobs_dynamo import DynamoAllJobs
from antiphon.admin.memory import MemoryAllJobs
from antiphon.admin.model import Sought
from antiphon.admin.ports import AllJobs
from antiphon.platform.ids import derived_id
from antiphon.speech import model
from antiphon.speech.dynamo import DynamoJobStore
from antiphon.speech.model import Change, Failure, Job, Kind, Source, Status

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
LEASE = timedelta(seconds=60)


class Desk(Protocol):
    all: AllJobs

    def make(self, number: int, kind: Kind = ..., user: str = ..., **changes: object) -> Job: ...

    def apply(self, change: Change) -> Job: ...


class _Desk:
    def make(self, number: int, kind: Kind = Kind.SPEECH, user: str = "usr_1", **changes: object) -> Job:
        moment = NOW + timedelta(seconds=number)
        id = derived_id("doc" if kind is Kind.DOCUMENT else "job", moment, str(number))
        job = Job(id, kind, user, Status.QUEUED, moment, source=Source("b", "k", sequencer="01"))
        return self.apply(model.create(replace(job, **changes), moment))  # type: ignore[arg-type]

    def apply(self, change: Change) -> Job:
        raise NotImplementedError


class MemoryDesk(_Desk):
    def __init__(self) -> None:
        self.jobs: dict[str, Job] = {}
        self.all: AllJobs = MemoryAllJobs(self)

    def __iter__(self) -> Iterator[Job]:
        return iter(self.jobs.values())

    def apply(self, change: Change) -> Job:
        self.jobs[change.after.id] = change.after
        return change.after


class DynamoDesk(_Desk):
    def __init__(self, table: object) -> None:
        self.store = DynamoJobStore(table)  # type: ignore[arg-type]
        self.all: AllJobs = DynamoAllJobs(table)  # type: ignore[arg-type]

    def apply(self, change: Change) -> Job:
        self.store.apply(change)
        found = self.store.get(change.after.user_id, change.after.kind, change.after.id)
        assert found
        return found


@pytest.fixture(params=["memory", "dynamo"])
def desk(request: pytest.FixtureRequest) -> Desk:
    return MemoryDesk() if request.param == "memory" else DynamoDesk(request.getfixturevalue("table"))


def claimed(desk: Desk, job: Job) -> Job:
    return desk.apply(model.claim(job, owner="w", message_id="m", lease=LEASE, now=NOW))


def failed(desk: Desk, job: Job) -> Job:
    return desk.apply(model.fail(job, Failure("worker_crashed", "It crashed."), NOW))


def pages(desk: Desk, sought: Sought, limit: int) -> list[list[str]]:
    found, position = [], None
    while True:
        page = desk.all.page(sought, limit, position)
        found.append([job.id for job in page.items])
        position = page.position
        if position is None:
            return found


def test_all_jobs_of_all_kinds_states_and_users_newest_first(desk: Desk) -> None:
    made = [desk.make(n, kind, f"usr_{n % 3}") for n, kind in enumerate([*Kind, *Kind])]
    claimed(desk, made[3])
    failed(desk, made[5])
    newest = [job.id for job in reversed(made)]
    assert pages(desk, Sought(), 100) == [newest]
    assert pages(desk, Sought(), 4) == [newest[i : i + 4] for i in range(0, len(newest), 4)]


def test_a_job_is_found_by_what_it_is_now(desk: Desk) -> None:
    first, second, third = (desk.make(n) for n in range(3))
    claimed(desk, second)
    failed(desk, third)
    paper = desk.make(7, Kind.DOCUMENT)
    assert pages(desk, Sought(status=Status.QUEUED), 10) == [[paper.id, first.id]]
    assert pages(desk, Sought(Kind.SPEECH, Status.RUNNING), 10) == [[second.id]]
    assert pages(desk, Sought(Kind.SPEECH), 2) == [[third.id, second.id], [first.id]]
    assert pages(desk, Sought(Kind.EDIT), 2) == [[]]
    assert desk.all.page(Sought(status=Status.FAILED), 1).items[0].error == Failure("worker_crashed", "It crashed.")


def test_of_one_user_too(desk: Desk) -> None:
    mine = [desk.make(n, kind) for n, kind in enumerate([Kind.SPEECH, Kind.DOCUMENT, Kind.EDIT, Kind.DOCUMENT])]
    desk.make(9, user="usr_2")
    newest = [job.id for job in reversed(mine)]
    assert pages(desk, Sought(user_id="usr_1"), 10) == [newest]
    assert pages(desk, Sought(user_id="usr_1"), 3) == [newest[:3], newest[3:]]
    assert pages(desk, Sought(Kind.DOCUMENT, user_id="usr_1"), 1) == [[mine[3].id], [mine[1].id]]
    failed(desk, mine[2])
    assert pages(desk, Sought(status=Status.FAILED, user_id="usr_1"), 10) == [[mine[2].id]]
    assert pages(desk, Sought(user_id="usr_nobody"), 10) == [[]]


def test_one_is_found_by_its_id_alone(desk: Desk) -> None:
    job, paper = desk.make(1), failed(desk, desk.make(2, Kind.DOCUMENT))
    assert desk.all.find(job.id) == job
    assert desk.all.find(paper.id) == paper
    assert desk.all.find(paper.id.replace("doc_", "job_")) is None
    assert desk.all.find("job_nothing") is None
    assert desk.all.find("") is None


def test_since_when_the_oldest_is_queued(desk: Desk) -> None:
    assert desk.all.longest_queued(Kind.SPEECH, "") is None
    first = desk.make(1, lane="priority")
    desk.make(2)
    desk.make(0, Kind.EDIT)
    assert desk.all.longest_queued(Kind.SPEECH, "") == NOW + timedelta(seconds=1)
    assert desk.all.longest_queued(Kind.SPEECH, "standard") == NOW + timedelta(seconds=2)
    claimed(desk, first)
    assert desk.all.longest_queued(Kind.SPEECH, "priority") is None


def test_they_are_counted_by_kind_and_state(desk: Desk) -> None:
    """O-05"""
    claimed(desk, desk.make(1))
    for number in (2, 3):
        desk.make(number)
    desk.make(4, Kind.EDIT)
    assert desk.all.count(Kind.SPEECH, Status.QUEUED) == 2
    assert desk.all.count(Kind.SPEECH, Status.RUNNING) == 1
    assert desk.all.count(Kind.EDIT, Status.RUNNING) == 0


def test_nothing_scans(table: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Model, "scan", None)
    desk = DynamoDesk(table)
    job = desk.make(1)
    assert desk.all.page(Sought(), 10).items == (job,)
    assert desk.all.find(job.id) == job

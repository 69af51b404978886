"""Q-15: whatever happens to a job, in whatever order and however often, its rules hold."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from antiphon.identity.tiers import TIERS
from antiphon.platform.errors import Conflict, LeaseLost
from antiphon.speech import model
from antiphon.speech.measures import ENDED
from antiphon.speech.memory import MemoryJobStore
from antiphon.speech.metering import STANDING, QuotaExceeded, Usage, contribution, month_at, month_of
from antiphon.speech.model import TERMINAL, TRANSITIONS, Change, Checkpoint, Failure, Job, Kind, Source, Status
from antiphon.speech.ports import Stale
from antiphon.tally.model import NAMES

START = datetime(2026, 11, 20, tzinfo=UTC)
LEASE = timedelta(seconds=60)
USER, JOB = "usr_1", "job_1"
RESERVED = 5_000
TOO_LONG = TIERS["free"].audio_minutes * 60 + 1.0
MONTHS = [month_at(START + timedelta(days=31 * n)) for n in range(-1, 60)]
BAD = Failure("undecodable_media", "The recording cannot be read.")


class Life(RuleBasedStateMachine):
    """Many actors hold old copies of one job and act on them: duplicates, reordering, crashes between read and write, clocks that jump."""

    def __init__(self) -> None:
        super().__init__()
        self.now = START
        self.store = MemoryJobStore()
        job = Job(JOB, Kind.TRANSCRIPTION, USER, Status.AWAITING_UPLOAD, START, options={"upload": {"size": RESERVED}})
        self.store.apply(model.create(job, START))
        self.copies = [self.job]
        self.claims = 0
        self.sequencer = 0

    @property
    def job(self) -> Job:
        found = self.store.get(USER, Kind.TRANSCRIPTION, JOB)
        assert found
        return found

    def attempt(self, change: Change | None) -> bool:
        if change is None:
            return False
        before = self.job
        try:
            self.store.apply(change)
        except (Stale, QuotaExceeded):
            assert self.job == before, "a refused change left a trace"
            return False
        after = self.job
        if after == before:  # another actor had decided the very same in the same moment
            return False
        if after.status is not before.status:
            assert after.status in TRANSITIONS[before.status]
        assert after.version > before.version
        if after.attempts == before.attempts and after.rounds == before.rounds:
            assert after.progress >= before.progress
        self.copies.append(after)
        return True

    def old(self, pick: int) -> Job:
        return self.copies[-1 - pick % len(self.copies)]

    copies_back = st.integers(0, 5)

    @rule(seconds=st.integers(-30, 4000))
    def clock_jumps(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @rule()
    def a_month_passes(self) -> None:
        self.now += timedelta(days=31)

    @rule(pick=copies_back, late=st.booleans(), size=st.integers(0, RESERVED))
    def object_arrives(self, pick: int, late: bool, size: int) -> None:
        self.sequencer += 0 if late else 1
        source = Source("b", "k", sequencer=f"{self.sequencer:08X}", size=size)
        job = self.old(pick)
        try:
            self.attempt(model.arrive(job, source, self.now))
        except Conflict:
            assert job.terminal

    @rule(pick=copies_back, worker=st.integers(1, 3))
    def worker_claims(self, pick: int, worker: int) -> None:
        try:
            change = model.claim(
                self.old(pick), owner=f"w{worker}-{self.claims}", message_id="m", lease=LEASE, now=self.now
            )
        except Conflict:
            return
        self.claims += self.attempt(change)

    @rule(pick=copies_back, back=copies_back, duration=st.sampled_from([None, 12.3456, 75.0, TOO_LONG]))
    def worker_reports_a_chunk(self, pick: int, back: int, duration: float | None) -> None:
        job, owner = self.old(pick), self.old(back).lease_owner or "nobody"
        try:
            change = model.advance(
                job,
                owner=owner,
                lease=LEASE,
                now=self.now,
                progress=job.progress + 7,
                checkpoint=Checkpoint(job.checkpoint.position + 30),
                duration=duration,
            )
        except LeaseLost:
            return
        self.attempt(change)

    @rule(
        pick=copies_back, back=copies_back, how=st.sampled_from(["finish", "fail", "hand back"]), heard=st.floats(0, 99)
    )
    def worker_ends(self, pick: int, back: int, how: str, heard: float) -> None:
        job, owner = self.old(pick), self.old(back).lease_owner or "nobody"
        try:
            if how == "finish":
                change = model.finish(job, owner=owner, now=self.now, duration=heard)
            elif how == "fail":
                change = model.fail(job, BAD, self.now, owner=owner)
            else:
                change = model.hand_back(job, owner=owner, now=self.now)
        except LeaseLost:
            return
        self.attempt(change)

    @rule(pick=copies_back, do=st.sampled_from([model.cancel, model.retry, model.expire]))
    def somebody_else_decides(self, pick: int, do) -> None:  # type: ignore[no-untyped-def]
        try:
            self.attempt(do(self.old(pick), self.now))
        except Conflict:
            return

    @precondition(lambda self: len(self.copies) > 1)
    @rule()
    def the_same_write_again(self) -> None:
        """The answer was lost and the caller repeats: nothing changes and no second event appears."""
        events, job = len(self.store.events), self.job
        self.store.apply(Change(self.copies[-2], self.copies[-1]))
        assert (len(self.store.events), self.job) == (events, job)

    @invariant()
    def what_was_counted_is_what_the_job_counts_for(self) -> None:
        """Q-12: after any repeats, races, refusals and ends, the sum of the differences, in the month of its round and in no other."""
        counts = contribution(self.job)
        standing = replace(Usage(), **{name: getattr(counts, name) for name in STANDING})
        for month in MONTHS:
            assert self.store.usage(USER, month) == (counts if month == month_of(self.job) else standing)

    @invariant()
    def a_quota_is_never_exceeded_but_by_what_was_done(self) -> None:
        if not self.job.terminal:
            assert self.store.usage(USER, month_of(self.job)).audio_ms <= TIERS["free"].audio_minutes * 60_000

    @invariant()
    def attempts_are_claims(self) -> None:
        assert self.job.attempts == self.claims

    @invariant()
    def one_event_for_each_end_of_each_round(self) -> None:
        events = [e for e in self.store.events if e.type != "user.quota_reached"]
        ends = [e for e in events if e.data["status"] in TERMINAL]
        over = 1 if self.job.terminal else 0
        assert len(ends) == self.job.rounds + over
        sequences = [e.data["sequence"] for e in events]
        assert sequences == sorted(set(sequences)), "data.sequence must grow (W-22)"
        assert len({e.id for e in self.store.events}) == len(self.store.events)

    @invariant()
    def what_was_accepted_has_ended_or_is_open(self) -> None:
        """O-05: conservation, for the round that goes on and for all before it: by what is measured, and by what the tally counts."""
        counted = Counter[str]()
        for event in self.store.events:
            counted.update(event.measured)
        open_now = self.job.status not in {*TERMINAL, Status.AWAITING_UPLOAD}
        assert counted["JobsAccepted"] == sum(counted[name] for name in ENDED.values()) + open_now
        counts: Counter[str] = Counter()
        for event in self.store.events:
            counts.update(event.counts)
        into = counts["transcription_accepted"] + counts["transcription_retried"]
        out = sum(counts[f"transcription_{end}"] for end in ("succeeded", "failed", "canceled"))
        assert into - out == (self.job.status in (Status.QUEUED, Status.RUNNING))
        assert counts.keys() <= set(NAMES)

    @invariant()
    def a_lease_belongs_to_a_running_job(self) -> None:
        assert (self.job.lease_owner is not None) == (self.job.status is Status.RUNNING)

    @invariant()
    def only_a_job_with_a_source_is_worked_on(self) -> None:
        assert self.job.source or self.job.status not in (Status.QUEUED, Status.RUNNING, Status.SUCCEEDED)


TestLife = Life.TestCase


def queued(**changes: object) -> Job:
    source = Source("b", "uploads/usr_1/job_1", sequencer="05")
    return model.create(Job(JOB, Kind.TRANSCRIPTION, USER, Status.QUEUED, START, source=source, **changes), START).after  # type: ignore[arg-type]


@pytest.mark.parametrize("status", sorted(TERMINAL))
def test_a_finished_job_stays_finished(status: Status) -> None:
    """Q-15"""
    job = Job(JOB, Kind.TRANSCRIPTION, USER, status, START)
    for change in (
        lambda: model.cancel(job, START),
        lambda: model.claim(job, owner="w", message_id="m", lease=LEASE, now=START),
        lambda: model.finish(job, owner="w", now=START),
        lambda: model.hand_back(job, owner="w", now=START),
        lambda: model.fail(job, BAD, START),
    ):
        with pytest.raises((Conflict, LeaseLost)):
            change()
    assert model.arrive(job, Source("b", "k", sequencer="FF"), START) is None


@pytest.mark.parametrize(
    ("one", "other", "newer"),
    [
        ("0055AED6DCD90281E5", "0055AED6DCD90281E4", True),  # pragma: allowlist secret
        ("05", "0500", False),
        ("06", "0500", True),
        ("", "05", False),
        ("0501", "05", True),
    ],
)
def test_the_larger_sequencer_is_the_newer_put(one: str, other: str, newer: bool) -> None:
    """Q-03: the shorter is padded with zeros on the right."""
    assert model.newer(one, other) is newer


def test_a_newer_put_of_a_waiting_job_replaces_its_source() -> None:
    """Q-03"""
    job = queued()
    newer = model.arrive(job, Source("b", "k", version="v2", sequencer="06"), START)
    assert newer
    assert newer.after.source
    assert newer.after.source.version == "v2"
    assert newer.event is None
    assert model.arrive(job, Source("b", "k", sequencer="04"), START) is None
    assert model.arrive(job, Source("b", "k", sequencer="05"), START) is None


def test_a_job_under_a_live_lease_cannot_be_claimed_and_one_whose_lease_ended_can() -> None:
    first = model.claim(queued(), owner="w1", message_id="m", lease=LEASE, now=START).after
    with pytest.raises(Conflict):
        model.claim(first, owner="w2", message_id="m", lease=LEASE, now=START + LEASE / 2)
    second = model.claim(first, owner="w2", message_id="m", lease=LEASE, now=START + LEASE).after
    assert (second.attempts, second.lease_owner, second.checkpoint) == (2, "w2", first.checkpoint)
    with pytest.raises(LeaseLost):
        model.finish(second, owner="w1", now=START + LEASE)


def test_a_retry_goes_on_from_the_last_checkpoint() -> None:
    running = model.claim(queued(), owner="w", message_id="m", lease=LEASE, now=START).after
    half = model.advance(running, owner="w", lease=LEASE, now=START, checkpoint=Checkpoint(30.0, 4), progress=50).after
    again = model.retry(model.fail(half, BAD, START, owner="w").after, START)
    assert again.after.checkpoint == Checkpoint(30.0, 4)
    assert again.after.error is None
    assert again.event
    assert again.event.dispatch


@pytest.mark.parametrize(
    "status", [Status.AWAITING_UPLOAD, Status.QUEUED, Status.RUNNING, Status.SUCCEEDED, Status.EXPIRED]
)
def test_only_what_failed_or_was_canceled_is_retried(status: Status) -> None:
    with pytest.raises(Conflict) as refused:
        model.retry(Job(JOB, Kind.SPEECH, USER, status, START, source=Source("b", "k")), START)
    assert refused.value.code == "job_not_retryable"


def test_events_are_thin() -> None:
    """W-24: ids, state and links; no option, no text, no address of an object."""
    job = queued(options={"initial_prompt": "secret words"}, metadata={"order": 7}, title="Board meeting")
    event = model.cancel(job, START).event
    assert event
    assert set(event.data) == {
        "id",
        "kind",
        "status",
        "sequence",
        "progress",
        "attempts",
        "error",
        "metadata",
        "links",
    }
    assert "secret" not in str(event)
    assert "Board" not in str(event)
    assert "uploads/" not in str(event)

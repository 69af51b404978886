"""T-03: the fake and the real job store pass one suite."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import boto3
import pytest

from antiphon.engines.ports import Segment, Word
from antiphon.identity.tiers import TIERS
from antiphon.media.items import Media, MediaStatus
from antiphon.media.items_dynamo import DynamoMediaStore
from antiphon.platform.errors import LeaseLost
from antiphon.platform.events import Dispatch, Event
from antiphon.platform.outbox import event_of_row
from antiphon.speech import model
from antiphon.speech.dynamo import DynamoJobStore
from antiphon.speech.memory import MemoryJobStore
from antiphon.speech.metering import QuotaExceeded, Usage
from antiphon.speech.model import Change, Checkpoint, Failure, Job, Kind, Source, Status
from antiphon.speech.ports import Chunk, Holder, Holding, JobStore, Mark, Stale, Taken
from tests.contract.conftest import REGION

NOW = datetime(2026, 11, 20, 12, 0, 0, 123000, tzinfo=UTC)
LEASE = timedelta(seconds=60)
USER = "usr_01"


@pytest.fixture(params=["memory", "dynamo"])
def store(request: pytest.FixtureRequest) -> JobStore:
    if request.param == "memory":
        return MemoryJobStore()
    return DynamoJobStore(request.getfixturevalue("table"))


def new(number: int = 1, **changes: object) -> Job:
    source = Source("bucket", "uploads/x", "v1", "0A", 1234, "audio/mpeg", "Rede über Öl.mp3")
    job = Job(f"job_{number:026d}", Kind.TRANSCRIPTION, USER, Status.QUEUED, NOW, source=source)
    return replace(job, **changes)  # type: ignore[arg-type]


def queued(store: JobStore, number: int = 1, **changes: object) -> Job:
    change = model.create(new(number, **changes), NOW)
    store.apply(change)
    return change.after


def running(store: JobStore, owner: str = "w1") -> Job:
    change = model.claim(queued(store), owner=owner, message_id="m1", lease=LEASE, now=NOW)
    store.apply(change)
    return change.after


def said(*texts: str) -> tuple[Segment, ...]:
    return tuple(
        Segment(i * 2.0, i * 2.0 + 1.5, t, (Word(t, i * 2.0, i * 2.0 + 1, 0.5),), 0.75) for i, t in enumerate(texts)
    )


def test_a_job_comes_back_as_it_was_written(store: JobStore) -> None:
    job = running(store)
    full = model.advance(
        job,
        owner="w1",
        lease=LEASE,
        now=NOW,
        progress=40,
        checkpoint=Checkpoint(30.5, 3),
        stage="transcribing",
        engine="pocketsphinx 5.1.1",
        language="en",
        duration=75.25,
        timings={"download_ms": 12},
        warnings=("diarization is not offered",),
    )
    store.apply(full)
    assert store.get(USER, Kind.TRANSCRIPTION, job.id) == full.after


def test_what_is_not_there_is_none(store: JobStore) -> None:
    job = queued(store)
    assert store.get("usr_other", Kind.TRANSCRIPTION, job.id) is None
    assert store.get(USER, Kind.SPEECH, job.id) is None
    assert store.get(USER, Kind.TRANSCRIPTION, "job_none") is None


def test_a_job_is_created_once(store: JobStore) -> None:
    queued(store)
    with pytest.raises(Stale):
        store.apply(model.create(new(metadata={"other": True}), NOW))


def test_the_same_change_twice_is_one_change(store: JobStore) -> None:
    """Q-11: a repeat after a lost answer succeeds."""
    claim = model.claim(queued(store), owner="w1", message_id="m", lease=LEASE, now=NOW)
    store.apply(claim)
    store.apply(claim)
    found = store.get(USER, Kind.TRANSCRIPTION, claim.after.id)
    assert found
    assert (found.attempts, found.lease_owner) == (1, "w1")


def test_of_two_changes_of_one_state_only_the_first_counts(store: JobStore) -> None:
    job = queued(store)
    store.apply(model.claim(job, owner="w1", message_id="m", lease=LEASE, now=NOW))
    with pytest.raises(Stale):
        store.apply(model.claim(job, owner="w2", message_id="m", lease=LEASE, now=NOW))
    with pytest.raises(Stale):
        store.apply(model.cancel(job, NOW))


def test_of_many_racing_claims_one_wins(store: JobStore) -> None:
    job = queued(store)

    def claim(number: int) -> bool:
        try:
            store.apply(model.claim(job, owner=f"w{number}", message_id="m", lease=LEASE, now=NOW))
        except Stale:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(claim, range(16))) == 1


def test_a_renewed_lease_cannot_be_taken_over_with_an_old_view(store: JobStore) -> None:
    job = running(store)
    store.renew(job, NOW + 3 * LEASE)
    with pytest.raises(Stale):
        store.apply(model.claim(job, owner="w2", message_id="m", lease=LEASE, now=NOW + 2 * LEASE))
    found = store.get(USER, Kind.TRANSCRIPTION, job.id)
    assert found
    assert found.lease_owner == "w1"
    assert found.lease_expires_at == NOW + 3 * LEASE


def test_a_lost_lease_cannot_be_renewed(store: JobStore) -> None:
    job = running(store)
    store.apply(model.cancel(job, NOW))
    with pytest.raises(LeaseLost):
        store.renew(job, NOW + LEASE)
    with pytest.raises(LeaseLost):
        store.renew(replace(job, id="job_none"), NOW + LEASE)


def test_segments_are_read_in_order_after_any_index(store: JobStore) -> None:
    job = running(store)
    texts = [["one", "two", "three"], [], ["four"], ["five", "six"]]
    first = 0
    for number, chunk in enumerate(texts):
        change = model.advance(
            job, owner="w1", lease=LEASE, now=NOW, checkpoint=Checkpoint(30.0 * (number + 1), first + len(chunk))
        )
        store.apply(change, chunk=Chunk(first, said(*chunk)))
        job, first = change.after, first + len(chunk)
    everything = [(n.index, n.segment.text) for n in store.segments(job.id)]
    assert everything == list(enumerate(["one", "two", "three", "four", "five", "six"]))
    for after in range(-1, 7):
        for limit in (1, 2, 10):
            assert [n.index for n in store.segments(job.id, after=after, limit=limit)] == list(range(after + 1, 6))[
                :limit
            ]
    assert next(store.segments(job.id)).segment == said("one")[0]


def test_a_refused_change_writes_no_segments(store: JobStore) -> None:
    """Q-13: a worker without its lease writes nothing."""
    job = running(store)
    stale = model.advance(job, owner="w1", lease=LEASE, now=NOW, checkpoint=Checkpoint(30.0, 1))
    store.apply(model.cancel(job, NOW))
    with pytest.raises(Stale):
        store.apply(stale, chunk=Chunk(0, said("ghost")))
    assert list(store.segments(job.id)) == []


def test_marks_come_back_in_order(store: JobStore) -> None:
    job = running(store)
    for index in range(3):
        mark = Mark(
            index, f"Sentence {index}.", index * 1.0, index + 0.9, (Word("Sentence", 0.0, 0.4),), f"parts/{index}.wav"
        )
        change = model.advance(job, owner="w1", lease=LEASE, now=NOW, checkpoint=Checkpoint(index + 1.0, index + 1))
        store.apply(change, mark=mark)
        job = change.after
    assert [m.index for m in store.marks(job.id)] == [0, 1, 2]
    assert [m.index for m in store.marks(job.id, after=0)] == [1, 2]
    assert [m.index for m in store.marks(job.id, after=0, limit=1)] == [1]
    assert next(store.marks(job.id)).words == (Word("Sentence", 0.0, 0.4),)


def test_lists_are_newest_first_and_pages_neither_repeat_nor_skip(store: JobStore) -> None:
    for number in range(1, 8):
        queued(store, number)
    queued(store, 99, user_id="usr_other")
    seen, position = [], None
    while True:
        page = store.list(USER, Kind.TRANSCRIPTION, limit=3, position=position)
        seen += [int(j.id[4:]) for j in page.items]
        if (position := page.position) is None:
            break
    assert seen == [7, 6, 5, 4, 3, 2, 1]


def test_lists_can_be_filtered(store: JobStore) -> None:
    for number in range(1, 6):
        job = queued(store, number)
        if number % 2:
            store.apply(model.cancel(job, NOW))
    page = store.list(USER, Kind.TRANSCRIPTION, limit=2, filters={"status": "canceled"})
    rest = store.list(USER, Kind.TRANSCRIPTION, limit=2, position=page.position, filters={"status": "canceled"})
    assert [int(j.id[4:]) for j in (*page.items, *rest.items)] == [5, 3, 1]
    assert rest.position is None


def test_what_is_due_is_found_and_nothing_else(store: JobStore) -> None:
    waiting = queued(store, 1)
    queued(store, 2, created_at=NOW)
    store.apply(model.cancel(waiting, NOW))
    assert [j.id for j in store.due(NOW)] == []
    assert [int(j.id[4:]) for j in store.due(NOW + model.SWEEP_AFTER)] == [2]


def test_the_job_that_waits_longest_is_found_among_those_that_wait_for_a_worker(store: JobStore) -> None:
    """Q-44: none that waits for its upload, its owner's turn or the same work elsewhere, and none that somebody works on."""

    def made(number: int, minutes: int, status: Status = Status.QUEUED) -> Job:
        change = model.create(new(number, status=status, tier="premium"), NOW - timedelta(minutes=minutes))
        store.apply(change)
        return change.after

    assert store.oldest_queued(NOW) is None
    made(1, 23 * 60 + 50, Status.AWAITING_UPLOAD)
    for number, owner in ((2, "w1"), (3, "w2")):
        claim = model.claim(made(number, 120), owner=owner, message_id="m", lease=LEASE, now=NOW)
        store.apply(claim)
    store.apply(model.wait(claim.after, owner="w2", now=NOW - timedelta(hours=1), work_key="k"))
    store.apply(model.await_turn(made(6, 90), NOW))
    assert store.oldest_queued(NOW) is None
    old = made(4, 40)
    made(5, 0)
    assert store.oldest_queued(NOW) == old.queued_at
    store.apply(model.postpone(old, NOW + model.SWEEP_AFTER))
    assert store.oldest_queued(NOW) == old.queued_at, "that the janitor looked at it makes it no younger"


def test_what_is_measured_is_stored_with_the_event(store: JobStore) -> None:
    """O-05"""
    queued(store, 1)
    assert [dict(event.measured) for event in events_of(store)] == [{"JobsAccepted": 1}]


def test_deleting_removes_every_row_and_can_be_repeated(store: JobStore) -> None:
    job = running(store)
    change = model.advance(job, owner="w1", lease=LEASE, now=NOW, checkpoint=Checkpoint(30.0, 2))
    store.apply(change, chunk=Chunk(0, said("a", "b")))
    assert store.delete(change.after) >= 2
    assert store.get(USER, Kind.TRANSCRIPTION, job.id) is None
    assert list(store.segments(job.id)) == []
    store.delete(change.after)


def spoken(number: int, characters: int) -> Change:
    text = Source("bucket", "texts/x", size=10)
    return model.create(new(number, kind=Kind.SPEECH, source=text, characters=characters), NOW)


def test_use_is_counted_with_the_change_and_given_back_with_its_end(store: JobStore) -> None:
    """Q-12"""
    job = running(store)
    longer = model.advance(job, owner="w1", lease=LEASE, now=NOW, duration=90.0)
    for _ in range(2):
        store.apply(longer)
    assert store.usage(USER, "2026-11") == Usage(1, 1234, 90_000, running_transcription=1)
    with pytest.raises(Stale):
        store.apply(model.advance(job, owner="w1", lease=LEASE, now=NOW, duration=900.0))
    failed = model.fail(longer.after, Failure("x", "y"), NOW, owner="w1")
    store.apply(failed)
    assert store.usage(USER, "2026-11") == Usage(0, 1234)
    for _ in range(2):
        store.delete(failed.after)
    assert store.usage(USER, "2026-11") == Usage()


def test_beyond_the_limit_nothing_is_stored_and_the_owner_hears_of_it_once(store: JobStore) -> None:
    """Q-42"""
    limit = TIERS["free"].characters
    store.apply(spoken(1, limit - 10))
    for number in (2, 3):
        with pytest.raises(QuotaExceeded) as refused:
            store.apply(spoken(number, 11))
        assert refused.value.counter == "characters"
        assert store.get(USER, Kind.SPEECH, f"job_{number:026d}") is None
    store.apply(spoken(4, 10))
    assert store.usage(USER, "2026-11") == Usage(2, 20, characters=limit)
    assert [e.data["counter"] for e in told(store)] == ["characters"]


def events_of(store: JobStore) -> list[Event]:
    if isinstance(store, MemoryJobStore):
        return store.events
    assert isinstance(store, DynamoJobStore)
    return [event_of_row(row) for row in store._events.query(f"events#{USER}")]


def told(store: JobStore) -> list[Event]:
    return [e for e in events_of(store) if e.type == "user.quota_reached"]


@pytest.mark.parametrize("store", ["dynamo"], indirect=True)
def test_the_owner_hears_of_it_once_even_when_the_event_is_gone(store: DynamoJobStore) -> None:
    """Events are kept for a week, a month is longer."""
    store.apply(spoken(1, TIERS["free"].characters))
    for number in (2, 3):
        with pytest.raises(QuotaExceeded):
            store.apply(spoken(number, 1))
        for row in store._events.query(f"events#{USER}"):
            row.delete()
    assert told(store) == []
    with pytest.raises(QuotaExceeded):
        store.apply(spoken(4, 1))
    assert told(store) == []


def test_a_retry_is_counted_in_its_own_month(store: JobStore) -> None:
    """Q-12: what it gave back in one month it takes in another, and deleting it touches neither."""
    store.apply(spoken(1, 500))
    first = store.get(USER, Kind.SPEECH, f"job_{1:026d}")
    assert first
    failed = model.fail(first, Failure("x", "y"), NOW)
    store.apply(failed)
    again = model.retry(failed.after, NOW + timedelta(days=20))
    for _ in range(2):
        store.apply(again)
    assert store.get(USER, Kind.SPEECH, first.id) == again.after
    assert store.usage(USER, "2026-11") == Usage(1, 10)
    assert store.usage(USER, "2026-12") == Usage(1, 10, characters=500)
    running = model.claim(again.after, owner="w", message_id="m", lease=LEASE, now=NOW + timedelta(days=20))
    store.apply(running)
    ended = model.finish(running.after, owner="w", now=NOW + timedelta(days=45))
    store.apply(ended)
    store.delete(ended.after)
    assert store.usage(USER, "2026-12") == Usage(characters=500)
    assert store.usage(USER, "2027-01") == Usage()


def test_at_the_edge_of_the_limit_racing_jobs_never_go_beyond(store: JobStore) -> None:
    """A-62"""
    limit = TIERS["free"].characters

    def create(number: int) -> bool:
        try:
            store.apply(spoken(number, limit // 5))
        except QuotaExceeded:
            return False
        return True

    with ThreadPoolExecutor(20) as pool:
        assert sum(pool.map(create, range(20))) == 5
    assert store.usage(USER, "2026-11") == Usage(5, 50, characters=limit)


def test_a_deleted_job_is_given_back_as_it_is_and_not_as_it_was_seen(store: JobStore) -> None:
    """Another change came between the reading and the end."""
    first = queued(store)
    store.apply(model.cancel(first, NOW))
    store.delete(first)
    assert store.usage(USER, "2026-11") == Usage()


@pytest.mark.parametrize("store", ["dynamo"], indirect=True)
def test_a_change_and_its_event_are_written_together(store: DynamoJobStore) -> None:
    """W-21: one outbox row per change."""
    job = queued(store)
    store.apply(model.fail(job, Failure("undecodable_media", "It cannot be read."), NOW))
    rows = list(store._events.query(f"events#{USER}"))
    assert [r.type for r in rows] == ["transcription.queued", "transcription.failed"]
    assert [r.data["sequence"] for r in rows] == [1, 2]
    assert rows[0].dispatch == {"kind": "transcription", "lane": "standard", "job_id": job.id}
    with pytest.raises(Stale):
        store.apply(Change(job, model.cancel(job, NOW).after, model.cancel(job, NOW).event))
    assert len(list(store._events.query(f"events#{USER}"))) == 2


def made_by(job: Job, size: int) -> Media:
    source = Source("results", "media/x", size=size)
    return Media("med_1", USER, "media", "a.wav", "audio/wav", size, NOW, MediaStatus.READY, source, parent_id="med_0")


def media_of(store: JobStore, request: pytest.FixtureRequest) -> Media | None:
    if isinstance(store, MemoryJobStore):
        return store.media.get("med_1")
    return DynamoMediaStore(request.getfixturevalue("table")).get(USER, "med_1")


def test_a_new_media_item_comes_with_the_end_of_its_job_and_is_counted_once(
    store: JobStore, request: pytest.FixtureRequest
) -> None:
    """U-03"""
    job = running(store)
    before = store.usage(USER, "2026-11").storage_bytes
    change = model.finish(job, owner="w1", now=NOW, result={"media_id": "med_1"})
    for _ in range(2):  # the answer of the first may have been lost
        store.apply(change, media=made_by(job, 500))
    assert media_of(store, request) == made_by(job, 500)
    usage = store.usage(USER, "2026-11")
    assert (usage.storage_bytes - before, usage.open_jobs) == (500, 0)


def test_a_media_item_for_which_there_is_no_room_is_not_made(store: JobStore, request: pytest.FixtureRequest) -> None:
    """A-62"""
    job = running(store)
    change = model.finish(job, owner="w1", now=NOW)
    with pytest.raises(QuotaExceeded) as refused:
        store.apply(change, media=made_by(job, TIERS["free"].storage_bytes))
    assert refused.value.counter == "storage_bytes"
    assert media_of(store, request) is None
    assert store.get(USER, Kind.TRANSCRIPTION, job.id) == job


def holding(key: str = "k", *, at: datetime = NOW, instead_of: str | None = None) -> Holding:
    return Holding(key, at + timedelta(hours=24), at, instead_of)


def test_of_many_racing_jobs_for_one_work_one_takes_it(store: JobStore) -> None:
    """Nothing of the others is written, not even what they would count for."""

    def create(number: int) -> str | None:
        try:
            store.apply(model.create(new(number), NOW), holding=holding())
        except Taken:
            return None
        return new(number).id

    with ThreadPoolExecutor(8) as pool:
        made = [job_id for job_id in pool.map(create, range(16)) if job_id]
    assert [j.id for j in store.list(USER, Kind.TRANSCRIPTION, limit=20).items] == made
    assert store.holder(USER, "k") == Holder(Kind.TRANSCRIPTION, made[0], NOW + timedelta(hours=24))
    assert store.usage(USER, "2026-11").open_jobs == 1


def test_work_is_taken_instead_of_whom_was_seen_or_when_its_time_is_over(store: JobStore) -> None:
    first, second = model.create(new(1), NOW), model.create(new(2), NOW)
    for _ in range(2):  # the answer of the first may have been lost
        store.apply(first, holding=holding())
    with pytest.raises(Taken):
        store.apply(second, holding=holding(instead_of="job_other"))
    store.apply(second, holding=holding(instead_of=first.after.id))
    with pytest.raises(Taken):
        store.apply(model.create(new(3), NOW), holding=holding(instead_of=first.after.id))
    later = NOW + timedelta(hours=24)
    store.apply(model.create(new(3), later), holding=holding(at=later))
    assert store.holder(USER, "k") == Holder(Kind.TRANSCRIPTION, new(3).id, later + timedelta(hours=24))
    assert store.holder("usr_other", "k") is None


def waiting(store: JobStore, first: Job, second: Job) -> Job:
    claim = model.claim(second, owner="w2", message_id="m", lease=LEASE, now=NOW)
    store.apply(claim)
    wait = model.wait(claim.after, owner="w2", now=NOW, work_key="k")
    store.apply(wait, behind=first)
    return wait.after


def test_who_waits_for_a_work_is_found_until_it_does_so_no_more(store: JobStore) -> None:
    first = running(store)
    second = waiting(store, first, queued(store, 2, tier="premium"))
    assert store.get(USER, Kind.TRANSCRIPTION, second.id) == second
    assert list(store.waiting(USER, "k")) == [Dispatch("transcription", "standard", second.id)]
    assert list(store.waiting(USER, "other")) == []
    again = model.dispatch_again(second, NOW)
    store.apply(again)
    assert len(list(store.waiting(USER, "k"))) == 1
    claim = model.claim(again.after, owner="w3", message_id="m", lease=LEASE, now=NOW)
    for _ in range(2):  # the answer of the first may have been lost
        store.apply(claim)
    assert list(store.waiting(USER, "k")) == []
    with pytest.raises(Stale):
        store.apply(model.cancel(again.after, NOW))


def test_nobody_waits_for_a_job_that_has_ended(store: JobStore) -> None:
    first = running(store)
    ended = model.finish(first, owner="w1", now=NOW)
    store.apply(ended)
    with pytest.raises(Stale):
        waiting(store, first, queued(store, 2, tier="premium"))
    store.delete(ended.after)
    with pytest.raises(Stale):
        waiting(store, first, queued(store, 3, tier="premium"))
    assert list(store.waiting(USER, "k")) == []


def test_a_deleted_job_leaves_no_row_that_names_it(store: JobStore) -> None:
    """PEERS 4, row 9. What another job holds by now stays."""
    change = model.create(new(1, request_key="asked", work_key="worked"), NOW)
    store.apply(change, holding=holding("asked"))
    store.apply(model.create(new(2, work_key="worked"), NOW), holding=holding("worked"))
    assert store.delete(change.after) == 2
    assert store.holder(USER, "asked") is None
    assert store.holder(USER, "worked") == Holder(Kind.TRANSCRIPTION, new(2).id, NOW + timedelta(hours=24))


@pytest.mark.parametrize("store", ["dynamo"], indirect=True)
def test_after_its_deletion_only_events_name_a_job_and_the_receipt_counts_all_else(store: DynamoJobStore) -> None:
    """PEERS 4, row 9: looked for in every attribute of every row. Events (ids and states, nothing of the content) are gone after a week."""
    first = running(store)
    second = waiting(store, first, queued(store, 2, tier="premium", request_key="asked"))
    third = model.create(new(3, tier="premium", request_key="asked too"), NOW)
    store.apply(third, holding=holding("asked too"))
    claim = model.claim(third.after, owner="w3", message_id="m", lease=LEASE, now=NOW)
    store.apply(claim)
    step = model.advance(claim.after, owner="w3", lease=LEASE, now=NOW, checkpoint=Checkpoint(5, 2), work_key="worked")
    store.apply(step, chunk=Chunk(0, said("one", "two")), holding=holding("worked"))
    marked = model.advance(step.after, owner="w3", lease=LEASE, now=NOW)
    store.apply(marked, mark=Mark(0, "one", 0.0, 1.0, ()))
    corrected = model.revise(marked.after, NOW, revision="r", corrected=True)
    assert corrected
    store.apply(corrected, texts={0: "One"})
    canceled = [model.cancel(job, NOW) for job in (second, corrected.after)]
    for change in canceled:
        store.apply(change)
    assert [store.delete(change.after) for change in canceled] == [1, 6]
    rows = boto3.client("dynamodb", region_name=REGION).scan(TableName="antiphon")["Items"]
    naming = {row["row"]["S"] for row in rows if any(change.after.id in repr(row) for change in canceled)}
    assert naming == {"event"}
    assert any(first.id in repr(row) for row in rows)


def test_corrections_lie_beside_what_was_heard(store: JobStore) -> None:
    job = running(store)
    step = model.advance(job, owner="w1", lease=LEASE, now=NOW, checkpoint=Checkpoint(5, 3))
    store.apply(step, chunk=Chunk(0, said("one", "two", "three")))
    revised = model.revise(step.after, NOW, revision="r1", speakers={"SPEAKER_00": "Änne"}, corrected=True)
    assert revised
    store.apply(revised, texts={0: "One", 2: "Three"})
    again = model.revise(revised.after, NOW, revision="r2", corrected=True)
    assert again
    store.apply(again, texts={2: None})

    found = store.get(USER, Kind.TRANSCRIPTION, job.id)
    assert found
    assert (found.speakers, found.revision) == ({"SPEAKER_00": "Änne"}, "r2")
    assert [(n.index, n.segment.text, n.machine_text) for n in store.segments(job.id)] == [
        (0, "One", "one"),
        (1, "two", None),
        (2, "three", None),
    ]
    assert [n.machine_text for n in store.segments(job.id, after=0)] == [None, None]
    assert [c.segments for c in store.chunks(job.id)] == [said("one", "two", "three")]


def test_of_two_revisions_of_one_state_the_second_is_told_so(store: JobStore) -> None:
    """Though both leave the same names: a text that was never stored must not look stored."""
    job = running(store)
    store.apply(
        model.advance(job, owner="w1", lease=LEASE, now=NOW, checkpoint=Checkpoint(5, 2)),
        chunk=Chunk(0, said("one", "two")),
    )
    now = store.get(USER, Kind.TRANSCRIPTION, job.id)
    assert now
    for revision, index in (("r1", 0), ("r2", 1)):
        change = model.revise(now, NOW, revision=revision, corrected=True)
        assert change
        if index:
            with pytest.raises(Stale):
                store.apply(change, texts={index: "X"})
        else:
            store.apply(change, texts={index: "X"})
    assert [n.segment.text for n in store.segments(job.id)] == ["X", "two"]


def test_a_chunk_that_is_stored_once_more_replaces_itself(store: JobStore) -> None:
    job = running(store)
    first = model.advance(job, owner="w1", lease=LEASE, now=NOW, checkpoint=Checkpoint(5, 2))
    store.apply(first, chunk=Chunk(0, said("one", "two")))
    second = model.advance(first.after, owner="w1", lease=LEASE, now=NOW, checkpoint=Checkpoint(9, 3))
    store.apply(second, chunk=Chunk(2, said("three")))
    with_speakers = tuple(replace(s, speaker="SPEAKER_00") for s in said("one", "two"))
    third = model.advance(second.after, owner="w1", lease=LEASE, now=NOW, stage="assigning")
    store.apply(third, chunk=Chunk(0, with_speakers))

    assert [n.segment.speaker for n in store.segments(job.id)] == ["SPEAKER_00", "SPEAKER_00", None]

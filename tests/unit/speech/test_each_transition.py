"""T-06: each way out of each state, and to the last field what it changes and what others hear of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from antiphon.platform.errors import Conflict, Invalid, LeaseLost
from antiphon.platform.events import Dispatch, Event
from antiphon.platform.ids import derived_id
from antiphon.speech import model
from antiphon.speech.model import (
    BOUNDED,
    TERMINAL,
    TRANSITIONS,
    WORKERS,
    Budget,
    Change,
    Checkpoint,
    Failure,
    Job,
    Kind,
    Source,
    Status,
)

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
LEASE = timedelta(seconds=60)
NEWER = Source("b", "k", version="v2", sequencer="06", size=9)
BAD = Failure("undecodable_media", "The recording cannot be read.")
QUARTER = timedelta(minutes=15)


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def job(status: Status, **changes: Any) -> Job:
    """Nothing in it is as it is by default, so that a field that is lost or kept against the rule is seen."""
    made = Job(
        id="job_1",
        kind=Kind.SPEECH,
        user_id="usr_1",
        status=status,
        created_at=ago(900),
        version=7,
        lane="priority",
        tier="premium",
        stage="speaking",
        progress=40,
        attempts=2,
        failures=3,
        rounds=4,
        options={"voice": "mira"},
        metadata={"order": 7},
        source=Source("b", "k", version="v1", sequencer="05", size=8),
        title="Board meeting",
        callback_url="https://hooks.example.com/",
        request_id="req_1",
        queued_at=ago(30),
        round_at=ago(40),
        started_at=ago(20),
        finished_at=ago(10),
        due_at=ago(5),
        lease_owner="w",
        lease_expires_at=NOW + timedelta(seconds=1),
        message_id="m",
        checkpoint=Checkpoint(1.5, 2),
        engine="kokoro",
        language="en",
        duration=12.5,
        characters=500,
        timings={"queued_ms": 5, "speaking_ms": 9},
        warnings=("clipped",),
        error=Failure("old", "What was before."),
        result={"media_id": "med_1"},
        request_key="request",
        work_key="work",
        copied=True,
        ticket=3,
        busy_ms=1_000,
        metered_at=ago(2.5),
        speakers={"S1": "Ada"},
        budget=Budget("key_1", 5_000, 70),
        revision="rev_1",
    )
    return replace(made, **changes)


def freed(**changes: Any) -> dict[str, Any]:
    """With them a worker gives a job out of its hands."""
    return {"lease_owner": None, "lease_expires_at": None, "message_id": None, "metered_at": None, **changes}


def told(after: Job, name: str, dispatch: Dispatch | None = None) -> Event:
    """What is heard of a speech job."""
    return Event(
        id=derived_id("evt", NOW, "job_1", str(after.version), order=after.version),
        user_id="usr_1",
        type=f"speech.{name}",
        timestamp=NOW,
        data={
            "id": "job_1",
            "kind": "speech",
            "status": after.status.value,
            "sequence": after.version,
            "progress": after.progress,
            "attempts": after.attempts,
            "error": {"code": after.error.code, "detail": after.error.detail} if after.error else None,
            "metadata": {"order": 7},
            "links": {"self": "/v1/speech/job_1", "media": "/v1/media/med_1"},
        },
        dispatch=dispatch,
        callback_url="https://hooks.example.com/",
        request_id="req_1",
        wakes="work" if after.status in TERMINAL else None,
    )


TO_WORK = Dispatch("speech", "priority", "job_1")
WAYS: dict[str, Callable[[Job], Change | None]] = {
    "arrive": lambda job: model.arrive(job, NEWER, NOW, 11),
    "claim": lambda job: model.claim(job, owner="w2", message_id="m2", lease=LEASE, now=NOW),
    "advance": lambda job: model.advance(job, owner="w", lease=LEASE, now=NOW, progress=47, engine="espeak"),
    "finish": lambda job: model.finish(job, owner="w", now=NOW, duration=13.0),
    "fail in a worker": lambda job: model.fail(job, BAD, NOW, owner="w"),
    "give up": lambda job: model.fail(job, BAD, NOW),
    "reject": lambda job: model.reject(job, BAD, NOW),
    "hand back": lambda job: model.hand_back(job, owner="w", now=NOW),
    "hand back after a failure": lambda job: model.hand_back(job, owner="w", now=NOW, failure=BAD),
    "wait": lambda job: model.wait(job, owner="w", now=NOW, work_key="other"),
    "await turn": lambda job: model.await_turn(job, NOW),
    "cancel": lambda job: model.cancel(job, NOW),
    "expire": lambda job: model.expire(job, NOW),
    "retry": lambda job: model.retry(job, NOW),
}
AWAITING, QUEUED, RUNNING, SUCCEEDED, FAILED, CANCELED, EXPIRED = Status
REACHED: dict[str, dict[Status, Status]] = {
    "arrive": {AWAITING: QUEUED},
    "claim": {QUEUED: RUNNING},
    "advance": {RUNNING: RUNNING},
    "finish": {RUNNING: SUCCEEDED},
    "fail in a worker": {RUNNING: FAILED},
    "give up": dict.fromkeys((AWAITING, QUEUED, RUNNING), FAILED),
    "reject": dict.fromkeys((AWAITING, QUEUED, RUNNING), FAILED),
    "hand back": {RUNNING: QUEUED},
    "hand back after a failure": {RUNNING: QUEUED},
    "wait": {RUNNING: QUEUED},
    "await turn": {QUEUED: QUEUED},
    "cancel": dict.fromkeys((AWAITING, QUEUED, RUNNING), CANCELED),
    "expire": {AWAITING: EXPIRED},
    "retry": {FAILED: QUEUED, CANCELED: QUEUED},
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("status", Status)
def test_a_way_leads_out_of_its_own_states_and_no_other(way: str, status: Status) -> None:
    """T-06, Q-15: all 98 pairs."""
    before = job(status)
    if status in REACHED[way]:
        change = WAYS[way](before)
        assert change
        assert (change.before, change.after.status, change.after.version) == (before, REACHED[way][status], 8)
    elif way == "arrive":
        assert WAYS[way](before) is None
    else:
        with pytest.raises((Conflict, LeaseLost)):
            WAYS[way](before)


def test_the_table_says_the_same() -> None:
    """T-06: but for a turn that is awaited, which leaves the state as it is."""
    pairs = {(out, into) for ways in REACHED.values() for out, into in ways.items()} - {(QUEUED, QUEUED)}
    assert {(out, into) for out, those in TRANSITIONS.items() for into in those} == pairs
    assert set(TRANSITIONS) == set(Status)
    assert {s for s, those in TRANSITIONS.items() if not those} | {FAILED, CANCELED} == TERMINAL


CHANGES: list[tuple[str, Status, dict[str, Any], str | None, Dispatch | None, frozenset[str]]] = [
    (
        "arrive", AWAITING,
        {"stage": None, "source": NEWER, "ticket": 11, "queued_at": NOW, "due_at": NOW + QUARTER},
        "queued", TO_WORK, frozenset(),
    ),
    (
        "claim", QUEUED,
        {
            "attempts": 3, "lease_owner": "w2", "lease_expires_at": NOW + LEASE, "message_id": "m2", "due_at": None,
            "metered_at": NOW, "stage": "starting", "timings": {"queued_ms": 30_005, "speaking_ms": 9},
        },
        "started", None, BOUNDED,
    ),
    (
        "advance", RUNNING,
        {"progress": 47, "engine": "espeak", "lease_expires_at": NOW + LEASE, "busy_ms": 3_500, "metered_at": NOW},
        "progress", None, BOUNDED,
    ),
    (
        "finish", RUNNING,
        freed(progress=100, stage=None, finished_at=NOW, error=None, duration=13.0, busy_ms=3_500),
        "succeeded", None, frozenset(),
    ),
    (
        "fail in a worker", RUNNING,
        freed(stage=None, finished_at=NOW, error=BAD, due_at=None, failures=4, busy_ms=3_500),
        "failed", None, BOUNDED,
    ),
    ("give up", RUNNING, freed(stage=None, finished_at=NOW, error=BAD, due_at=None, failures=4), "failed", None, BOUNDED),
    ("reject", AWAITING, freed(stage=None, finished_at=NOW, error=BAD, due_at=None, failures=4), "failed", None, BOUNDED),
    (
        "hand back", RUNNING,
        freed(stage=None, queued_at=NOW, due_at=NOW + QUARTER, error=None, busy_ms=3_500),
        "queued", None, BOUNDED,
    ),
    (
        "hand back after a failure", RUNNING,
        freed(stage=None, queued_at=NOW, due_at=NOW + QUARTER, failures=4, error=BAD, busy_ms=3_500),
        "queued", None, BOUNDED,
    ),
    (
        "wait", RUNNING,
        freed(stage="waiting", queued_at=NOW, due_at=NOW + QUARTER, error=None, work_key="other", busy_ms=3_500),
        "queued", None, BOUNDED,
    ),
    ("await turn", QUEUED, {"stage": "waiting_turn", "due_at": NOW + QUARTER}, None, None, BOUNDED),
    ("cancel", RUNNING, freed(stage=None, finished_at=NOW, due_at=None), "canceled", None, BOUNDED),
    (
        "expire", AWAITING,
        {
            "finished_at": NOW, "due_at": None,
            "error": Failure("upload_expired", "The file was not uploaded in time; create a new job."),
        },
        "failed", None, BOUNDED,
    ),
    (
        "retry", FAILED,
        {
            "error": None, "finished_at": None, "queued_at": NOW, "due_at": NOW + QUARTER, "rounds": 5, "round_at": NOW,
            "failures": 0, "ticket": None, "warnings": (),
        },
        "queued", TO_WORK, BOUNDED,
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("way", "status", "changes", "event", "dispatch", "bounded"), CHANGES, ids=[change[0] for change in CHANGES]
)
def test_a_way_changes_this_and_nothing_else(
    way: str,
    status: Status,
    changes: dict[str, Any],
    event: str | None,
    dispatch: Dispatch | None,
    bounded: frozenset[str],
) -> None:
    """T-06."""
    before = job(status)
    after = replace(before, status=REACHED[way][status], version=8, **changes)
    change = WAYS[way](before)
    assert change == Change(before, after, told(after, event, dispatch) if event else None, bounded)


def test_every_way_is_looked_at() -> None:
    assert {change[0] for change in CHANGES} == set(WAYS) == set(REACHED)


def test_a_new_job_is_queued_or_waits_for_its_upload_or_its_recording() -> None:
    """T-06."""
    queued = replace(job(QUEUED), queued_at=NOW, due_at=NOW + QUARTER)
    assert model.create(job(QUEUED), NOW) == Change(None, queued, told(queued, "queued", TO_WORK))
    waiting = replace(job(AWAITING), due_at=NOW + timedelta(hours=24))
    assert model.create(job(AWAITING), NOW) == Change(None, waiting)
    fetched = replace(job(AWAITING, stage="fetching"), due_at=NOW + timedelta(hours=3))
    assert model.create(job(AWAITING, stage="fetching"), NOW) == Change(
        None, fetched, told(fetched, "fetching", Dispatch("fetch", "standard", "job_1"))
    )


def test_only_a_newer_put_replaces_what_nobody_has_begun_with() -> None:
    """T-06, Q-03."""
    before = job(QUEUED, attempts=0)
    assert model.arrive(before, NEWER, NOW) == Change(
        before, replace(before, source=NEWER, version=8), bounded=frozenset()
    )
    for other in (job(QUEUED, attempts=1), job(RUNNING, attempts=0)):
        assert model.arrive(other, NEWER, NOW) is None
    unknown = job(QUEUED, attempts=0, source=None)
    assert model.arrive(unknown, replace(NEWER, sequencer="01"), NOW)
    assert model.arrive(unknown, replace(NEWER, sequencer=""), NOW) is None


def test_a_takeover_keeps_what_was_counted_of_the_wait() -> None:
    """T-06: at the moment the lease ends, and not before; the message that led to it is the one that counts."""
    before = job(RUNNING, lease_expires_at=NOW)
    change = WAYS["claim"](before)
    assert change
    assert change.after == replace(
        before,
        version=8,
        attempts=3,
        lease_owner="w2",
        lease_expires_at=NOW + LEASE,
        message_id="m2",
        due_at=None,
        metered_at=NOW,
        stage="starting",
    )
    with pytest.raises(Conflict) as refused:
        WAYS["claim"](job(RUNNING, lease_expires_at=NOW + timedelta(microseconds=1)))
    assert refused.value.code == "job_leased"
    assert not job(QUEUED).leased(NOW)
    assert not job(RUNNING, lease_expires_at=None).leased(NOW)


def test_the_first_claim_begins_the_job() -> None:
    """T-06."""
    first = model.claim(
        job(QUEUED, started_at=None, queued_at=None, timings={}), owner="w", message_id="m", lease=LEASE, now=NOW
    )
    assert (first.after.started_at, dict(first.after.timings)) == (NOW, {"queued_ms": 0})
    late = model.claim(job(QUEUED, queued_at=NOW + LEASE), owner="w", message_id="m", lease=LEASE, now=NOW)
    assert late.after.timings["queued_ms"] == 5, "a clock that went back takes nothing away"


@pytest.mark.parametrize(("before", "found", "after"), [(40, 39, 40), (40, 99, 99), (40, 100, 99), (40, None, 40)])
def test_progress_grows_up_to_99_until_the_end(before: int, found: int | None, after: int) -> None:
    """T-06."""
    told = {} if found is None else {"progress": found}
    change = model.advance(job(RUNNING, progress=before), owner="w", lease=LEASE, now=NOW, announce=False, **told)
    assert (change.after.progress, change.event) == (after, None)


def test_work_is_metered_from_the_last_word_of_the_worker() -> None:
    """T-06."""
    ahead = model.advance(job(RUNNING, metered_at=NOW + LEASE), owner="w", lease=LEASE, now=NOW).after
    assert (ahead.busy_ms, ahead.metered_at) == (1_000, NOW)
    of_old = model.advance(job(RUNNING, metered_at=None), owner="w", lease=LEASE, now=NOW).after
    assert (of_old.busy_ms, of_old.metered_at) == (1_000, None)
    spent = model.spent(job(RUNNING), speaking_ms=timedelta(seconds=1.0004), saving_ms=timedelta(milliseconds=2))
    assert spent == {"queued_ms": 5, "speaking_ms": 1_009, "saving_ms": 2}


def test_only_its_worker_holds_a_job() -> None:
    """T-06."""
    assert model.held(job(RUNNING), "w") == job(RUNNING)
    for other in (None, job(RUNNING, lease_owner="w2"), job(QUEUED)):
        with pytest.raises(LeaseLost):
            model.held(other, "w")
    for way in ("advance", "finish", "fail in a worker", "hand back", "wait"):
        with pytest.raises(LeaseLost):
            WAYS[way](job(RUNNING, lease_owner="w2"))


@pytest.mark.parametrize(
    ("way", "status", "changes", "code"),
    [
        ("cancel", SUCCEEDED, {}, "job_ended"),
        ("retry", RUNNING, {}, "job_not_retryable"),
        ("retry", FAILED, {"source": None}, "job_without_source"),
        ("await turn", RUNNING, {}, "job_state"),
        ("expire", QUEUED, {}, "job_state"),
    ],
)
def test_a_refusal_has_its_code(way: str, status: Status, changes: dict[str, Any], code: str) -> None:
    """T-06."""
    with pytest.raises(Conflict) as refused:
        WAYS[way](job(status, **changes))
    assert refused.value.code == code


def test_a_title_is_changed_in_any_state_and_without_a_word() -> None:
    """T-06."""
    for status in Status:
        before = job(status)
        assert model.rename(before, "Minutes") == Change(
            before, replace(before, title="Minutes", version=8), bounded=frozenset()
        )
        assert model.rename(before, "Board meeting") is None


def revised(before: Job, **changes: Any) -> Change | None:
    return model.revise(before, NOW, revision="rev_2", **changes)


def test_names_and_texts_are_the_owners() -> None:
    """T-06."""
    before = job(SUCCEEDED)
    for asked, changes in (
        ({"title": "Minutes"}, {"title": "Minutes"}),
        ({"speakers": {"S2": "Bo"}}, {"speakers": {"S1": "Ada", "S2": "Bo"}}),
        ({"speakers": {"S1": None}}, {"speakers": {}}),
        ({"corrected": True}, {}),
    ):
        after = replace(before, revision="rev_2", version=8, **changes)
        assert revised(before, **asked) == Change(before, after, told(after, "updated"), frozenset())
    assert revised(before) is None
    assert revised(before, title="Board meeting", speakers={"S1": "Ada"}) is None


def test_a_transcript_has_fifty_names_and_no_more() -> None:
    """T-06."""
    most: dict[str, str | None] = {f"S{number}": "x" for number in range(1, 51)}
    assert revised(job(SUCCEEDED), speakers=most)
    with pytest.raises(Invalid) as refused:
        revised(job(SUCCEEDED), speakers={**most, "S51": "y"})
    assert [field.field for field in refused.value.fields] == ["speakers"]
    assert revised(job(SUCCEEDED), speakers={**most, "S51": "y", "S50": None})


def test_the_janitor_puts_off_or_sends_again() -> None:
    """T-06."""
    before = job(QUEUED)
    assert model.postpone(before, NOW) == Change(before, replace(before, due_at=NOW, version=8))
    after = replace(before, due_at=NOW + QUARTER, version=8)
    assert model.dispatch_again(before, NOW) == Change(before, after, told(after, "queued", TO_WORK))
    running = model.dispatch_again(job(RUNNING), NOW).after
    assert (running.due_at, running.version) == (None, 8)


@pytest.mark.parametrize(
    ("kind", "workers", "event", "links"),
    [
        (Kind.TRANSCRIPTION, "transcription", "transcription.succeeded", ("transcriptions", "transcript")),
        (Kind.SPEECH, "speech", "speech.succeeded", ("speech", None)),
        (Kind.DOCUMENT, "document", "document.succeeded", ("documents", "text")),
        (Kind.EDIT, "edit", "media.edited", ("edits", None)),
        (Kind.ALIGNMENT, "transcription", "alignment.succeeded", ("alignments", "segments")),
        (Kind.DIARIZATION, "transcription", "diarization.succeeded", ("diarizations", "turns")),
        (Kind.ASSIGNMENT, "transcription", "assignment.succeeded", ("speaker-assignments", "segments")),
    ],
)
def test_each_kind_has_its_workers_its_place_and_its_result(
    kind: Kind, workers: str, event: str, links: tuple[str, str | None]
) -> None:
    """T-06."""
    change = model.finish(job(RUNNING, kind=kind, result={}), owner="w", now=NOW)
    assert change.event
    place, result = links
    path = f"/v1/{place}/job_1"
    assert (WORKERS[kind], change.event.type) == (workers, event)
    assert change.event.data["links"] == {"self": path, **({result: f"{path}/{result}"} if result else {})}
    assert (kind in model.LISTENING, kind in model.STEPS) == (
        kind in (Kind.TRANSCRIPTION, Kind.ALIGNMENT, Kind.DIARIZATION),
        kind in (Kind.ALIGNMENT, Kind.DIARIZATION, Kind.ASSIGNMENT),
    )


def test_what_is_bounded_is_all_that_a_tier_limits() -> None:
    """T-06."""
    running = {"running_transcription", "running_speech", "running_document", "running_edit"}
    assert {"open_jobs", "storage_bytes", "audio_ms", "characters", "tokens", "budget", *running} == BOUNDED
    assert model.PARKED == ("waiting", "waiting_turn")


def test_a_job_begins_with_nothing_done() -> None:
    """T-06."""
    new = Job("job_1", Kind.SPEECH, "usr_1", QUEUED, NOW)
    assert (new.version, new.lane, new.tier, new.progress, new.attempts, new.failures, new.rounds, new.busy_ms) == (
        1, "standard", "free", 0, 0, 0, 0, 0,
    )  # fmt: skip
    assert (new.checkpoint, new.copied, new.warnings, Source("b", "k").size, Source("b", "k").sequencer) == (
        Checkpoint(0.0, 0), False, (), 0, "",
    )  # fmt: skip
    assert Budget("key_1", 5).quoted == 0


def test_the_names_of_kinds_and_states_are_those_of_the_api() -> None:
    """T-06: rows, messages and clients hold them."""
    assert [kind.value for kind in Kind] == [
        "transcription", "speech", "document", "edit", "alignment", "diarization", "assignment",
    ]  # fmt: skip
    assert [status.value for status in Status] == [
        "awaiting_upload", "queued", "running", "succeeded", "failed", "canceled", "expired",
    ]  # fmt: skip

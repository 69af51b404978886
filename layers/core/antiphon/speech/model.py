"""A job of speech, or the reading of a document: what it is, and the only ways in which it may change.

::

    awaiting_upload ──arrive──► queued ──claim──► running ──finish──► succeeded
          │                      ▲  ▲               │ │
          │ expire               │  └──hand back────┘ ├──fail──► failed ──retry──► queued
          ▼                      │                    │
       expired                   └──── take over ─────┘    cancel: from any of the first three ──► canceled ──retry──► queued

Each function takes a job and gives the ``Change`` that leads out of it: the job afterwards and, where others must hear of it, the event.
A store writes both in one transaction, on condition that the row still is what the change began with.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from antiphon.platform.errors import Conflict, Field, Invalid, LeaseLost
from antiphon.platform.events import Dispatch, Event
from antiphon.platform.ids import derived_id

EMPTY: Mapping[str, Any] = MappingProxyType({})


class Kind(StrEnum):
    TRANSCRIPTION = "transcription"
    SPEECH = "speech"
    DOCUMENT = "document"
    EDIT = "edit"
    ALIGNMENT = "alignment"
    DIARIZATION = "diarization"
    ASSIGNMENT = "assignment"


class Status(StrEnum):
    AWAITING_UPLOAD = "awaiting_upload"
    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"
    EXPIRED = "expired"


PLACES: Mapping[Kind, str] = MappingProxyType(
    {
        Kind.TRANSCRIPTION: "transcriptions",
        Kind.SPEECH: "speech",
        Kind.DOCUMENT: "documents",
        Kind.EDIT: "edits",
        Kind.ALIGNMENT: "alignments",
        Kind.DIARIZATION: "diarizations",
        Kind.ASSIGNMENT: "speaker-assignments",
    }
)
"""Where the API has jobs of each kind."""
EVENTS: Mapping[tuple[Kind, str], str] = MappingProxyType({(Kind.EDIT, "succeeded"): "media.edited"})
"""Events that are not called after kind and step."""
RESULTS: Mapping[Kind, str] = MappingProxyType(
    {
        Kind.TRANSCRIPTION: "transcript",
        Kind.DOCUMENT: "text",
        Kind.ALIGNMENT: "segments",
        Kind.DIARIZATION: "turns",
        Kind.ASSIGNMENT: "segments",
    }
)
"""What the API calls the result of a job, below the job itself."""
LISTENING = (Kind.TRANSCRIPTION, Kind.ALIGNMENT, Kind.DIARIZATION)
"""Jobs on a recording."""
STEPS = (Kind.ALIGNMENT, Kind.DIARIZATION, Kind.ASSIGNMENT)
"""Parts of a transcription as jobs of their own; the transcriber's worker does them, over the lanes of transcriptions."""
WORKERS: Mapping[Kind, str] = MappingProxyType(
    {kind: Kind.TRANSCRIPTION.value if kind in STEPS else kind.value for kind in Kind}
)
"""Whose workers do jobs of a kind. Of each, a user may have as many at once as the tier says."""
TERMINAL = frozenset({Status.SUCCEEDED, Status.FAILED, Status.CANCELED, Status.EXPIRED})
TRANSITIONS: Mapping[Status, frozenset[Status]] = MappingProxyType(
    {
        Status.AWAITING_UPLOAD: frozenset({Status.QUEUED, Status.FAILED, Status.CANCELED, Status.EXPIRED}),
        Status.QUEUED: frozenset({Status.RUNNING, Status.FAILED, Status.CANCELED}),
        Status.RUNNING: frozenset({Status.RUNNING, Status.QUEUED, Status.SUCCEEDED, Status.FAILED, Status.CANCELED}),
        Status.SUCCEEDED: frozenset(),
        Status.FAILED: frozenset({Status.QUEUED}),
        Status.CANCELED: frozenset({Status.QUEUED}),
        Status.EXPIRED: frozenset(),
    }
)
BOUNDED = frozenset(
    {
        "open_jobs",
        "storage_bytes",
        "audio_ms",
        "characters",
        "tokens",
        "budget",
        *(f"running_{w}" for w in WORKERS.values()),
    }
)
UPLOAD_WINDOW = timedelta(hours=24)
"""How long a job waits for its upload; the presigned POST itself is shorter, so that a slow client may ask for a new one."""
MAX_SPEAKERS = 50
"""Names of speakers in one transcript."""
SWEEP_AFTER = timedelta(minutes=15)
"""A queued job that nobody fetched for so long is looked at by the janitor."""
FETCHING = "fetching"
"""The stage of a job whose recording is on its way from a customer's address."""
FETCH_WINDOW = timedelta(hours=3)
"""How long it may be: longer than all tries with the pauses between."""
WAITING = "waiting"
"""The stage of a queued job whose work another one does at the moment."""
TURN = "waiting_turn"
"""The stage of a queued job whose owner has as many running as the tier allows."""
PARKED = (WAITING, TURN)
"""Stages of queued jobs that no worker could take: they wait without a message."""


@dataclass(frozen=True)
class Source:
    """The object that a job works on. ``version``: of S3, or None in a bucket without; ``sequencer``: orders the puts of one key."""

    bucket: str
    key: str
    version: str | None = None
    sequencer: str = ""
    size: int = 0
    content_type: str | None = None
    filename: str | None = None


@dataclass(frozen=True)
class Failure:
    """``code``: stable, for programs; ``detail``: a sentence for a person."""

    code: str
    detail: str


@dataclass(frozen=True)
class Checkpoint:
    """Where to go on: ``position`` in seconds of the recording (transcription) or sentences done (speech); ``count``: segments or samples so far."""

    position: float = 0.0
    count: int = 0


@dataclass(frozen=True)
class Budget:
    """Of the API key that asked for a job, which pays for all that workers spend on it. ``limit``: of a month, and ``quoted``: of this job, as far as
    it could be told when it was made; both in millionths of a dollar. What was quoted is set aside until the job has ended."""

    key_id: str
    limit: int
    quoted: int = 0


@dataclass(frozen=True)
class Job:
    """``tier``: of its owner when it was made; ``characters``: of the text to speak, once known. ``version`` grows with every change and is the ``sequence`` of the events; ``attempts`` counts claims, ``failures`` those that ended in an error; ``rounds`` counts retries, ``round_at`` is when the last of them was; ``request_key`` and ``work_key``: of what was
    asked, and of the work itself, while others may join (see once); ``copied``: it shows what another job of the user found."""

    id: str
    kind: Kind
    user_id: str
    status: Status
    created_at: datetime
    version: int = 1
    lane: str = "standard"
    tier: str = "free"
    stage: str | None = None
    progress: int = 0
    attempts: int = 0
    failures: int = 0
    rounds: int = 0
    options: Mapping[str, Any] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)
    source: Source | None = None
    title: str | None = None
    callback_url: str | None = None
    request_id: str | None = None
    queued_at: datetime | None = None
    round_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    due_at: datetime | None = None
    lease_owner: str | None = None
    lease_expires_at: datetime | None = None
    message_id: str | None = None
    checkpoint: Checkpoint = field(default_factory=Checkpoint)
    engine: str | None = None
    language: str | None = None
    duration: float | None = None
    characters: int | None = None
    timings: Mapping[str, int] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    error: Failure | None = None
    result: Mapping[str, Any] = field(default_factory=dict)
    request_key: str | None = None
    work_key: str | None = None
    copied: bool = False
    ticket: int | None = None
    """The number of its message in the lane, as far as could be told: see outlook."""
    busy_ms: int = 0
    """What workers spent on it, measured up to ``metered_at`` while one has it. What a worker that died had not told of is nobody's."""
    metered_at: datetime | None = None
    speakers: Mapping[str, str] = field(default_factory=dict)
    """Names that the owner gave to the engine's labels."""
    budget: Budget | None = None
    revision: str | None = None
    """Of the last change that the owner made to names and texts: two that were made at once are told apart by it."""

    @property
    def terminal(self) -> bool:
        return self.status in TERMINAL

    def leased(self, now: datetime) -> bool:
        return self.status is Status.RUNNING and self.lease_expires_at is not None and self.lease_expires_at > now


@dataclass(frozen=True)
class Change:
    """before: None for a new job. The store refuses the change when the row is no longer ``before``. ``bounded``: the counters of use that may
    not grow beyond the tier's limits with it (see metering)."""

    before: Job | None
    after: Job
    event: Event | None = None
    bounded: frozenset[str] = BOUNDED


def _event(job: Job, name: str, now: datetime, *, dispatch: bool = False) -> Event:
    path = f"/v1/{PLACES[job.kind]}/{job.id}"
    links = {"self": path}
    if job.kind in RESULTS:
        links[RESULTS[job.kind]] = f"{path}/{RESULTS[job.kind]}"
    if "media_id" in job.result:
        links["media"] = f"/v1/media/{job.result['media_id']}"
    data = {
        "id": job.id,
        "kind": job.kind.value,
        "status": job.status.value,
        "sequence": job.version,
        "progress": job.progress,
        "attempts": job.attempts,
        "error": {"code": job.error.code, "detail": job.error.detail} if job.error else None,
        "metadata": dict(job.metadata),
        "links": links,
    }
    return Event(
        wakes=job.work_key if job.terminal else None,
        id=derived_id("evt", now, job.id, str(job.version), order=job.version),
        user_id=job.user_id,
        type=EVENTS.get((job.kind, name), f"{job.kind.value}.{name}"),
        timestamp=now,
        data=MappingProxyType(data),
        dispatch=Dispatch(job.kind.value, job.lane, job.id) if dispatch else None,
        callback_url=job.callback_url,
        request_id=job.request_id,
    )


def _move(job: Job, to: Status, **changes: Any) -> Job:
    if to not in TRANSITIONS[job.status]:
        raise Conflict(f"The job is {job.status.value}; it cannot become {to.value}.", code="job_state")
    return replace(job, status=to, version=job.version + 1, **changes)


_FREE: Mapping[str, Any] = MappingProxyType(
    {"lease_owner": None, "lease_expires_at": None, "message_id": None, "metered_at": None}
)


def _metered(job: Job, now: datetime) -> Job:
    """With what was spent on it since it was last told of."""
    if job.metered_at is None:
        return job
    spent_now = max(0, round((now - job.metered_at).total_seconds() * 1000))
    return replace(job, busy_ms=job.busy_ms + spent_now, metered_at=now)


def create(job: Job, now: datetime) -> Change:
    """A new job: queued when its source is there already, else waiting for the upload."""
    if job.status is Status.QUEUED:
        job = replace(job, queued_at=now, due_at=now + SWEEP_AFTER)
        return Change(None, job, _event(job, "queued", now, dispatch=True))
    if job.stage == FETCHING:
        job = replace(job, due_at=now + FETCH_WINDOW)
        event = _event(job, "fetching", now)
        return Change(None, job, replace(event, dispatch=Dispatch("fetch", "standard", job.id)))
    return Change(None, replace(job, due_at=now + UPLOAD_WINDOW))


def arrive(job: Job, source: Source, now: datetime, ticket: int | None = None) -> Change | None:
    """The upload is there. None where that changes nothing: a repeat, an older put of the same key, or a job that has begun.

    A newer put of the same key replaces the source while nobody works on it.
    """
    known = job.source.sequencer if job.source else ""
    if job.status is Status.AWAITING_UPLOAD:
        after = _move(
            job, Status.QUEUED, stage=None, source=source, ticket=ticket, queued_at=now, due_at=now + SWEEP_AFTER
        )
        # The bytes are there, and the upload's own policy held them to what was reserved: refusing would leave them to nobody.
        return Change(job, after, _event(after, "queued", now, dispatch=True), bounded=frozenset())
    if job.status is Status.QUEUED and job.attempts == 0 and newer(source.sequencer, known):
        return Change(job, replace(job, source=source, version=job.version + 1), bounded=frozenset())
    return None


def newer(sequencer: str, than: str) -> bool:
    """S3's order of puts of one key: hexadecimal texts, the shorter padded with zeros on the right."""
    width = max(len(sequencer), len(than))
    return sequencer.ljust(width, "0") > than.ljust(width, "0")


def reject(job: Job, failure: Failure, now: datetime) -> Change:
    """The upload cannot be worked on; nothing was started."""
    return fail(job, failure, now)


def claim(job: Job, *, owner: str, message_id: str, lease: timedelta, now: datetime) -> Change:
    """This worker has the job until the lease ends. Takes over a running job whose lease has ended. Raises Conflict for any other."""
    if job.leased(now):
        raise Conflict("Another worker has this job.", code="job_leased")
    taken_over = job.status is Status.RUNNING
    after = _move(
        job,
        Status.RUNNING,
        attempts=job.attempts + 1,
        lease_owner=owner,
        lease_expires_at=now + lease,
        message_id=message_id,
        started_at=job.started_at or now,
        due_at=None,
        metered_at=now,
        stage="starting",
        timings=_timed(job.timings, queued_ms=now - (job.queued_at or now)) if not taken_over else job.timings,
    )
    return Change(job, after, _event(after, "started", now))


def _timed(timings: Mapping[str, int], **spans: timedelta) -> Mapping[str, int]:
    """The timings with these spans added, in whole milliseconds."""
    added = {name: timings.get(name, 0) + max(0, round(span.total_seconds() * 1000)) for name, span in spans.items()}
    return MappingProxyType({**timings, **added})


def spent(job: Job, **spans: timedelta) -> Mapping[str, int]:
    return _timed(job.timings, **spans)


def held(job: Job | None, owner: str) -> Job:
    """The job, if this worker still has it. Raises LeaseLost."""
    if job is None or job.status is not Status.RUNNING or job.lease_owner != owner:
        raise LeaseLost
    return job


def advance(job: Job, *, owner: str, lease: timedelta, now: datetime, announce: bool = True, **found: Any) -> Change:
    """A chunk is done. found: checkpoint, progress, stage, language, duration, engine, timings, warnings, result. Progress never falls."""
    held(job, owner)
    found["progress"] = min(99, max(job.progress, found.get("progress", job.progress)))
    after = _move(_metered(job, now), Status.RUNNING, lease_expires_at=now + lease, **found)
    return Change(job, after, _event(after, "progress", now) if announce else None)


def finish(job: Job, *, owner: str, now: datetime, **found: Any) -> Change:
    held(job, owner)
    measured = _metered(job, now)
    after = _move(measured, Status.SUCCEEDED, progress=100, stage=None, finished_at=now, error=None, **_FREE, **found)
    # What was done is not refused: the recording may have been a little longer than it said.
    return Change(job, after, _event(after, "succeeded", now), bounded=frozenset())


def fail(job: Job, failure: Failure, now: datetime, *, owner: str | None = None) -> Change:
    """owner: of the worker that saw it fail; None where the job is given up from outside."""
    measured = job if owner is None else _metered(held(job, owner), now)
    after = _move(
        measured,
        Status.FAILED,
        stage=None,
        finished_at=now,
        error=failure,
        due_at=None,
        failures=job.failures + 1,
        **_FREE,
    )
    return Change(job, after, _event(after, "failed", now))


def hand_back(job: Job, *, owner: str, now: datetime, failure: Failure | None = None) -> Change:
    """Back to the queue with its checkpoint: the worker drains (no failure) or met something that may pass. The message itself stays in the queue."""
    held(job, owner)
    after = _move(
        _metered(job, now),
        Status.QUEUED,
        stage=None,
        queued_at=now,
        due_at=now + SWEEP_AFTER,
        failures=job.failures + (failure is not None),
        error=failure,
        **_FREE,
    )
    return Change(job, after, _event(after, "queued", now))


def wait(job: Job, *, owner: str, now: datetime, work_key: str) -> Change:
    """Another job does this very work: back to the queue without a message, until that one has ended."""
    held(job, owner)
    after = _move(
        _metered(job, now),
        Status.QUEUED,
        stage=WAITING,
        queued_at=now,
        due_at=now + SWEEP_AFTER,
        error=None,
        work_key=work_key,
        **_FREE,
    )
    return Change(job, after, _event(after, "queued", now))


def await_turn(job: Job, now: datetime) -> Change:
    """Its owner has as many jobs in the hands of these workers as the tier allows: it waits without a message, until one of them has ended."""
    if job.status is not Status.QUEUED:
        raise Conflict(f"The job is {job.status.value}; only a queued one waits for its turn.", code="job_state")
    return Change(job, replace(job, stage=TURN, version=job.version + 1, due_at=now + SWEEP_AFTER))


def cancel(job: Job, now: datetime) -> Change:
    """Raises Conflict for a job that has ended. A worker that runs it loses the lease and stops within one chunk."""
    if job.terminal:
        raise Conflict(f"The job is {job.status.value} already; there is nothing to cancel.", code="job_ended")
    after = _move(job, Status.CANCELED, stage=None, finished_at=now, due_at=None, **_FREE)
    return Change(job, after, _event(after, "canceled", now))


def expire(job: Job, now: datetime) -> Change:
    after = _move(
        job,
        Status.EXPIRED,
        finished_at=now,
        due_at=None,
        error=Failure("upload_expired", "The file was not uploaded in time; create a new job."),
    )
    return Change(job, after, _event(after, "failed", now))


def retry(job: Job, now: datetime) -> Change:
    """Again, from the last checkpoint. Raises Conflict unless the job failed or was canceled after its recording had arrived."""
    if job.status not in (Status.FAILED, Status.CANCELED):
        raise Conflict(
            f"The job is {job.status.value}; only a failed or canceled one can be retried.", code="job_not_retryable"
        )
    if job.source is None:
        raise Conflict("The recording of this job never arrived; create a new job.", code="job_without_source")
    after = _move(
        job,
        Status.QUEUED,
        error=None,
        finished_at=None,
        queued_at=now,
        due_at=now + SWEEP_AFTER,
        rounds=job.rounds + 1,
        round_at=now,
        failures=0,
        ticket=None,
        warnings=(),
    )
    return Change(job, after, _event(after, "queued", now, dispatch=True))


def rename(job: Job, title: str) -> Change | None:
    """In whatever state it is."""
    after = replace(job, title=title, version=job.version + 1)
    return Change(job, after, bounded=frozenset()) if title != job.title else None


def revise(
    job: Job,
    now: datetime,
    *,
    revision: str,
    title: str | None = None,
    speakers: Mapping[str, str | None] = EMPTY,
    corrected: bool = False,
) -> Change | None:
    """Title and names as their owner wants them, in whatever state the job is; a name of None gives the label back.

    corrected: texts of segments are stored with the change. The event lets the index and whoever shows the transcript follow. Raises Invalid
    for more names than a job may have.
    """
    named = {**job.speakers, **speakers}
    names = {label: name for label, name in named.items() if name}
    if len(names) > MAX_SPEAKERS:
        raise Invalid(
            f"A transcript has at most {MAX_SPEAKERS} named speakers.",
            fields=(Field("speakers", f"At most {MAX_SPEAKERS}."),),
        )
    title = title or job.title
    if title == job.title and names == job.speakers and not corrected:
        return None
    after = replace(job, title=title, speakers=names, revision=revision, version=job.version + 1)
    return Change(job, after, _event(after, "updated", now), bounded=frozenset())


def postpone(job: Job, until: datetime) -> Change:
    """The janitor looked at a waiting job and found nothing to do."""
    return Change(job, replace(job, due_at=until, version=job.version + 1))


def dispatch_again(job: Job, now: datetime) -> Change:
    """The message of a job was lost, or it waited for another that has ended: send it once more."""
    after = replace(job, version=job.version + 1, due_at=now + SWEEP_AFTER if job.status is Status.QUEUED else None)
    return Change(job, after, _event(after, "queued", now, dispatch=True))

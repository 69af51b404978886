"""What a job counts for, and what a tier allows.

A job in a certain state counts for a certain usage, so a change counts for the difference between its two ends. The store adds that
difference in the transaction of the change itself: the sums cannot drift from the jobs, whatever is repeated, reordered or cut off. Nothing
is ever given back by a `finally`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING

from antiphon.identity.tiers import Limits, limits_of
from antiphon.platform.errors import TooMany
from antiphon.platform.events import Event
from antiphon.platform.ids import derived_id, is_id
from antiphon.speech.model import LISTENING, WORKERS, Budget, Change, Job, Kind, Source, Status
from antiphon.speech.prices import usd

if TYPE_CHECKING:
    from antiphon.media.items import Media

SHOWN: Mapping[str, str] = MappingProxyType({"audio_ms": "audio_seconds"})
"""Counters whose public name is another: those of ``GET /v1/me/usage``."""
VOID = frozenset({Status.FAILED, Status.CANCELED, Status.EXPIRED})
"""Whoever gets nothing pays nothing."""
MONTHLY = ("audio_ms", "characters", "tokens")
BUDGET = "budget"
"""Not a counter of the user but of one API key: millionths of a dollar that its jobs cost this month."""
RUNNING: Mapping[Kind, str] = MappingProxyType({kind: f"running_{workers}" for kind, workers in WORKERS.items()})
"""The counter of what workers have in hand, for each kind of job."""
STANDING = ("open_jobs", "storage_bytes", *dict.fromkeys(RUNNING.values()))
"""Counted while it is so, not per month."""
SOON = 60
"""Seconds to wait for what other jobs hold."""
LONGEST_WAIT = timedelta(days=1)
"""The tier may change before the month does, and no client should sleep for weeks."""


@dataclass(frozen=True)
class Usage:
    """open_jobs: waiting or running; storage_bytes: of recordings and texts; audio_ms: transcribed; characters: spoken;
    tokens: of chats, no job counts for any; running_…: what those workers have in hand."""

    open_jobs: int = 0
    storage_bytes: int = 0
    audio_ms: int = 0
    characters: int = 0
    tokens: int = 0
    running_transcription: int = 0
    running_speech: int = 0
    running_document: int = 0
    running_edit: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(*(a + b for a, b in zip(vars(self).values(), vars(other).values(), strict=True)))

    def __sub__(self, other: Usage) -> Usage:
        return Usage(*(a - b for a, b in zip(vars(self).values(), vars(other).values(), strict=True)))


def contribution(job: Job | None) -> Usage:
    """None counts for nothing: before it was made, after it was deleted. A copy of what another job of the user found costs nobody a minute."""
    if job is None:
        return Usage()
    void = job.status in VOID or job.copied
    audio = 0.0
    if job.kind in LISTENING and not void:
        audio = job.duration or 0.0
        if job.status is not Status.SUCCEEDED:  # a header may say too little, or nothing
            audio = max(audio, job.checkpoint.position)
    reserved = (job.options.get("upload") or {}).get("size", 0) if job.status is Status.AWAITING_UPLOAD else 0
    return Usage(
        open_jobs=0 if job.terminal else 1,
        storage_bytes=int(reserved if job.source is None else 0 if _is_lent(job, job.source) else job.source.size),
        audio_ms=round(audio * 1000),
        characters=0 if void or job.kind is not Kind.SPEECH else job.characters or 0,
        **({RUNNING[job.kind]: 1} if job.status is Status.RUNNING else {}),
    )


def _is_lent(job: Job, source: Source) -> bool:
    """A media item counts for its own bytes, however many jobs work on it; so does the recording of another job."""
    return "borrowed" in job.options or is_id(source.key.rpartition("/")[2], "med")


def delta(change: Change) -> Usage:
    return contribution(change.after) - contribution(change.before)


def kept(job: Job) -> Usage:
    """What a deleted job takes with it: what it holds, not what it has used this month."""
    held = contribution(job)
    return Usage(**{name: getattr(held, name) for name in STANDING})


def quota_reached(user_id: str, tier: str, month: str, counter: str, now: datetime) -> Event:
    """What the owner hears; the store sees to it that it is once a month for each counter."""
    return Event(
        id=derived_id("evt", now, user_id, "quota_reached", counter, month),
        user_id=user_id,
        type="user.quota_reached",
        timestamp=now,
        data=MappingProxyType({"counter": SHOWN.get(counter, counter), "month": month, "tier": tier}),
    )


def month_of(job: Job) -> str:
    """``2026-11``: when this round of it began, so that all of a round is counted in one month. What ended before its retry counts for nothing
    in any month: whoever waits for the next month's quota finds it."""
    return month_at(job.round_at or job.created_at)


def month_at(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m")


def month_after(moment: datetime) -> datetime:
    """When the next month begins."""
    first = moment.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return (first + timedelta(days=32)).replace(day=1)


def allowed(limits: Limits) -> Mapping[str, int]:
    return {
        "open_jobs": limits.concurrent_jobs,
        **dict.fromkeys(RUNNING.values(), limits.running_jobs),
        "storage_bytes": limits.storage_bytes,
        "audio_ms": limits.audio_minutes * 60_000,
        "characters": limits.characters,
        "tokens": limits.tokens,
    }


def enforced(change: Change) -> Mapping[str, int]:
    """By name, the most that a counter may show after this change; counters that do not grow have no limit."""
    found, limits = delta(change), allowed(limits_of(change.after.tier))
    return {name: limits[name] for name in (*MONTHLY, *STANDING) if name in change.bounded and getattr(found, name) > 0}


def counted(change: Change, media: Media | None) -> tuple[Usage, Mapping[str, int]]:
    """What is added with the change, and the most that the counters may show then. media: a new item that comes with it."""
    if media is None:
        return delta(change), enforced(change)
    limit = limits_of(media.tier).storage_bytes
    return delta(change) + Usage(storage_bytes=media.held_bytes), {**enforced(change), "storage_bytes": limit}


@dataclass(frozen=True)
class Charge:
    """To the budget of an API key, in millionths of a dollar. ``room``: what the counter may show before it; None where it is not refused."""

    key_id: str
    month: str
    added: int
    room: int | None = None


def charge(change: Change) -> Charge | None:
    """What a job was quoted is set aside until it has ended; what it costs beyond that, or without a quote, is added as the worker tells of it.

    Only what begins or goes on is refused: what ends tells what was spent. So a budget is overspent by what workers had in hand of its key when it
    ended, a chunk of each job.
    """
    before, job = change.before, change.after
    if job.budget is None:
        return None
    added = _set_aside(job) - (_set_aside(before) if before else 0)
    needed = max(added, 0 if job.budget.quoted else 1)
    begins = job.status is Status.RUNNING or (not job.terminal and (before is None or before.terminal))
    bound = begins and needed > 0 and BUDGET in change.bounded
    if not added and not bound:
        return None
    return Charge(job.budget.key_id, month_of(job), added, job.budget.limit - needed if bound else None)


def released(job: Job) -> Charge | None:
    """What was set aside for a job that goes before it has ended."""
    rest = _cost(job) - _set_aside(job)
    return Charge(job.budget.key_id, month_of(job), rest) if job.budget and rest else None


def _set_aside(job: Job) -> int:
    quoted = job.budget.quoted if job.budget and not job.terminal else 0
    return max(quoted, _cost(job))


def _cost(job: Job) -> int:
    return micro_usd(measured_usd(job))


def measured_usd(job: Job) -> float:
    """What workers spent on it so far, at the price of the day on which it ended."""
    return usd(job.busy_ms / 1000, job.finished_at or job.started_at or job.created_at)


def micro_usd(dollars: float) -> int:
    return round(dollars * 1_000_000)


def budget_reached(job: Job, budget: Budget, now: datetime) -> Event:
    """As `quota_reached`, for each key."""
    event = quota_reached(job.user_id, job.tier, month_of(job), f"{BUDGET}:{budget.key_id}", now)
    return replace(event, data=MappingProxyType({**event.data, "counter": BUDGET, "key_id": budget.key_id}))


class QuotaExceeded(TooMany):
    """Nothing was stored. Codes: ``quota_exceeded``, ``too_many_jobs``, ``budget_exceeded``. ``counter``: which one."""

    code, title = "quota_exceeded", "The quota is used up"
    retryable = False

    def __init__(self, counter: str, limit: int, now: datetime) -> None:
        code, wait = type(self).code, _until_next_month(now)
        match counter:
            case "open_jobs":
                detail = f"At most {limit:,} jobs may wait or run at the same time; repeat when some have ended."
                code, wait = "too_many_jobs", SOON
            case "storage_bytes":
                detail = f"This needs more than what is left of {limit:,} bytes; delete jobs that you do not need."
                wait = SOON
            case "budget":
                detail = f"This needs more than what is left of the {limit / 1_000_000:,.6g} US$ that this API key may spend in a month."
                code = "budget_exceeded"
            case "audio_ms":
                detail = f"This needs more than what is left of this month's {limit // 60_000:,} minutes of audio."
            case _:
                detail = f"This needs more than what is left of this month's {limit:,} {counter}."
        super().__init__(detail, code=code, retry_after=wait)
        self.counter = counter


def _until_next_month(now: datetime) -> int:
    return max(1, int(min(month_after(now) - now, LONGEST_WAIT).total_seconds()))

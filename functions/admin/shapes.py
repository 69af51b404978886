"""What the routes of administration take and give."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from antiphon.admin.model import Depth
from antiphon.identity.administer import Wish
from antiphon.identity.model import User, UserStatus
from antiphon.identity.tiers import TIERS
from antiphon.platform.clock import rfc3339
from antiphon.speech.model import Job, Kind
from antiphon.tally.model import OF_JOBS, Span


class UserChange(BaseModel):
    """What is absent or null stays as it is."""

    model_config = ConfigDict(extra="forbid")

    tier: Literal["free", "premium", "enterprise"] | None = None
    role: Literal["user", "admin"] | None = None
    status: Literal["active", "suspended"] | None = None

    def wish(self) -> Wish:
        return Wish(self.tier, self.role, UserStatus(self.status) if self.status else None)


def managed_view(user: User) -> dict[str, Any]:
    """Nothing of what only the person may see: no preferences, and nothing of the password but whether there is one."""
    return {
        "id": user.id,
        "email": user.email,
        "display_name": user.display_name,
        "tier": user.tier,
        "role": user.role,
        "status": user.status.value,
        "has_password": bool(user.password_hash),
        "created_at": rfc3339(user.created_at),
    }


def tier_views() -> list[dict[str, Any]]:
    return [{"name": name, **asdict(limits)} for name, limits in TIERS.items()]


def managed_job_view(job: Job) -> dict[str, Any]:
    """How it goes, and nothing of what is in it: no title, options, metadata, file name or text."""
    return {
        "id": job.id,
        "kind": job.kind.value,
        "user_id": job.user_id,
        "tier": job.tier,
        "lane": job.lane,
        "status": job.status.value,
        "stage": job.stage,
        "progress": job.progress,
        "attempts": job.attempts,
        "failures": job.failures,
        "rounds": job.rounds,
        "engine": job.engine,
        "duration": job.duration,
        "characters": job.characters,
        "source_bytes": job.source.size if job.source else None,
        "busy_seconds": job.busy_ms / 1000,
        "timings": dict(job.timings),
        "error": {"code": job.error.code, "detail": job.error.detail} if job.error else None,
        "lease": {"owner": job.lease_owner, "expires_at": _time(job.lease_expires_at)} if job.lease_owner else None,
        "request_id": job.request_id,
        **{name: _time(getattr(job, name)) for name in ("created_at", "queued_at", "started_at", "finished_at")},
    }


def _time(moment: datetime | None) -> str | None:
    return rfc3339(moment) if moment else None


def queue_view(depth: Depth, queued_since: datetime | None, now: datetime) -> dict[str, Any]:
    """queued_since: of the job that waits the longest; None where there is none, or where the queue is none of jobs."""
    age = max(0, round((now - queued_since).total_seconds())) if queued_since else None
    return {**asdict(depth), "oldest_seconds": age}


def span_view(span: Span) -> dict[str, Any]:
    """Kinds of which nothing happened are left out."""
    jobs = {kind.value: _counts_view(kind, span.counts) for kind in Kind if _has(kind, span.counts)}
    return {
        "at": rfc3339(span.at),
        "jobs": jobs,
        "deliveries": span.counts.get("deliveries", 0),
        "tokens": span.counts.get("tokens", 0),
    }


def _has(kind: Kind, counts: Mapping[str, int]) -> bool:
    return any(counts.get(f"{kind.value}_{name}") for name in OF_JOBS)


def _counts_view(kind: Kind, counts: Mapping[str, int]) -> dict[str, Any]:
    """Milliseconds as seconds; ``real_time_factor``: seconds of work for a second of audio."""
    found = {name: counts.get(f"{kind.value}_{name}", 0) for name in OF_JOBS}
    factor = round(found["busy_ms"] / found["audio_ms"], 4) if found["audio_ms"] else None
    shown = {
        name.replace("_ms", "_seconds"): value / 1000 if name.endswith("_ms") else value
        for name, value in found.items()
    }
    return {**shown, "real_time_factor": factor}

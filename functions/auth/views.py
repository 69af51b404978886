"""What the routes give."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.event_handler import Response
from cookies import gone, holding

from antiphon.identity.model import ApiKey, Session, User
from antiphon.identity.sign_in import SignedIn
from antiphon.identity.tiers import Limits
from antiphon.platform.clock import rfc3339
from antiphon.speech.metering import Usage, month_after, month_at

if TYPE_CHECKING:
    from wiring import Settings


def nothing() -> Response[Any]:
    """204. The body is empty and not absent, which not every gateway takes."""
    return Response(204, body="")


def signed_out(*, by_cookie: bool) -> Response[Any]:
    return Response(204, body="", cookies=[gone()] if by_cookie else [])


def user_view(user: User) -> dict[str, Any]:
    return {
        "id": user.id,
        "email": user.email,
        "display_name": user.display_name,
        "tier": user.tier,
        "role": user.role,
        "created_at": rfc3339(user.created_at),
    }


def signed_in(status: int, found: SignedIn, *, by_cookie: bool = False) -> Response[Any]:
    """by_cookie: a browser's, whose refresh token no script sees."""
    body = {
        "user": user_view(found.user),
        "access_token": found.access_token,
        "refresh_token": None if by_cookie else found.refresh_token,
        "token_type": "bearer",
        "expires_in": found.expires_in,
    }
    return Response(status, "application/json", body, cookies=[holding(found.refresh_token)] if by_cookie else [])


def providers_view(settings: Settings) -> dict[str, Any]:
    """Firebase is offered where browsers have a key for it."""
    offered = {
        "project": settings.firebase_project,
        "api_key": settings.firebase_api_key,
        "url": settings.firebase_sign_in_url,
        "providers": list(settings.firebase_providers),
    }
    return {"firebase": offered if settings.firebase_project and settings.firebase_api_key else None}


def session_view(session: Session, *, current: bool) -> dict[str, Any]:
    return {
        "id": session.id,
        "device": session.device,
        "address": session.address,
        "current": current,
        "created_at": rfc3339(session.created_at),
        "last_used_at": rfc3339(session.used_at),
        "expires_at": rfc3339(session.expires_at),
    }


def key_view(key: ApiKey, spent: int = 0) -> dict[str, Any]:
    """spent: millionths of a dollar, this month."""
    return {
        "id": key.id,
        "name": key.name,
        "prefix": key.prefix,
        "scopes": list(key.scopes),
        "created_at": rfc3339(key.created_at),
        "expires_at": _shown(key.expires_at),
        "last_used_at": _shown(key.used_at),
        "monthly_budget_usd": None if key.budget is None else key.budget / 1_000_000,
        "spent_usd": None if key.budget is None else spent / 1_000_000,
    }


def _shown(moment: datetime | None) -> str | None:
    return rfc3339(moment) if moment else None


def usage_view(used: Usage, limits: Limits, tier: str, now: datetime) -> dict[str, Any]:
    """Seconds, characters, bytes and jobs, each beside its limit."""
    allowed = {
        "audio_seconds": limits.audio_minutes * 60,
        "characters": limits.characters,
        "tokens": limits.tokens,
        "storage_bytes": limits.storage_bytes,
        "open_jobs": limits.concurrent_jobs,
        "upload_bytes": limits.upload_bytes,
        "requests_per_minute": limits.requests_per_minute,
    }
    return {
        "month": month_at(now),
        "resets_at": rfc3339(month_after(now)),
        "tier": tier,
        "audio_seconds": round(used.audio_ms / 1000, 3),
        "characters": used.characters,
        "tokens": used.tokens,
        "storage_bytes": used.storage_bytes,
        "open_jobs": used.open_jobs,
        "limits": allowed,
    }

"""What the webhook routes take and give. Bounds stand here and nowhere else; FastAPI turns a breach into a 422 that names the field."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from antiphon.platform.clock import rfc3339
from antiphon.platform.events import Event
from antiphon.webhooks.model import (
    CALLBACK,
    MAX_PATTERNS,
    Attempt,
    Delivery,
    Endpoint,
    Keyring,
    delivery_id,
    known,
    masked,
)
from antiphon.webhooks.replay import Only


def _known(pattern: str) -> str:
    if not known(pattern):
        raise ValueError("is no event of ours; write a name such as speech.succeeded, all of a kind as speech.*, or *")
    return pattern


def _distinct(patterns: list[str]) -> list[str]:
    return list(dict.fromkeys(patterns))


Url = Annotated[str, StringConstraints(min_length=1, max_length=2048)]
Pattern = Annotated[str, StringConstraints(min_length=1, max_length=100), AfterValidator(_known)]
Patterns = Annotated[list[Pattern], Field(min_length=1, max_length=MAX_PATTERNS), AfterValidator(_distinct)]
Description = Annotated[str, StringConstraints(max_length=500)]


class Shape(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NewWebhook(Shape):
    url: Url
    events: Patterns
    description: Description = ""
    active: bool = True


class WebhookChange(Shape):
    """What is absent or null stays as it is."""

    url: Url | None = None
    events: Patterns | None = None
    description: Description | None = None
    active: bool | None = None


class ReplayRange(Shape):
    """Of events by the time they happened: from ``since`` on, before ``until`` (now). only: what failed, or what was never sent; both without it."""

    since: AwareDatetime
    until: AwareDatetime | None = None
    only: Only | None = None


def endpoint_view(endpoint: Endpoint) -> dict[str, Any]:
    """Without the secret: that is in the answer to the creation only."""
    return {
        "id": endpoint.id,
        "url": endpoint.url,
        "events": list(endpoint.events),
        "description": endpoint.description,
        "active": endpoint.active,
        "disabled_reason": endpoint.disabled_reason,
        "created_at": rfc3339(endpoint.created_at),
    }


def keyring_view(keyring: Keyring, secret: str) -> dict[str, Any]:
    """previous_until: when the secret before it stops signing."""
    newest, *older = keyring.secrets
    until = older[0].until if older else None
    return {
        "secret": secret,
        "created_at": rfc3339(newest.created_at),
        "previous_until": until and rfc3339(until),
    }


def delivery_view(delivery: Delivery) -> dict[str, Any]:
    return {
        "id": delivery.id,
        "webhook_id": delivery.endpoint_id if delivery.endpoint_id != CALLBACK else None,
        "event_id": delivery.event_id,
        "type": delivery.event_type,
        "url": masked(delivery.url),
        "status": delivery.status.value,
        "created_at": rfc3339(delivery.created_at),
        "next_attempt_at": delivery.next_attempt_at and rfc3339(delivery.next_attempt_at),
        "attempts": [_attempt_view(attempt) for attempt in delivery.attempts],
    }


def missing_view(event: Event, endpoint: Endpoint) -> dict[str, Any]:
    """An event of which the endpoint never heard, in the shape of a delivery."""
    return {
        "id": delivery_id(event.id, endpoint.id),
        "webhook_id": endpoint.id,
        "event_id": event.id,
        "type": event.type,
        "url": masked(endpoint.url),
        "status": "missing",
        "created_at": rfc3339(event.timestamp),
        "next_attempt_at": None,
        "attempts": [],
    }


def _attempt_view(attempt: Attempt) -> dict[str, Any]:
    return {
        "number": attempt.number,
        "trigger": attempt.trigger.value,
        "at": rfc3339(attempt.at),
        "status_code": attempt.outcome.status_code,
        "error": attempt.outcome.error,
        "duration_ms": attempt.outcome.duration_ms,
        "answer": attempt.outcome.answer,
        "next_attempt_at": attempt.next_attempt_at and rfc3339(attempt.next_attempt_at),
    }

"""Webhook endpoints in OpenAI's shape. Its ``name`` is our description."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, Field, StringConstraints
from shapes import Description, Patterns, Shape, Url

from antiphon.webhooks.model import EVENT_TYPES, Endpoint

Name = Annotated[Description, StringConstraints(min_length=1)]


def _sent(name: str) -> str:
    if name not in EVENT_TYPES:
        raise ValueError("is no event of ours; GET /v1/webhook_event_types lists them")
    return name


class NewWebhookEndpoint(Shape):
    name: Name
    url: Url
    event_types: Patterns


class WebhookEndpointChange(Shape):
    """What is absent stays as it is."""

    name: Name | None = None
    url: Url | None = None
    event_types: Patterns | None = None


class WebhookRotation(Shape):
    keep_old_secret_active_for_24_hours: bool = False


class WebhookSample(Shape):
    event_type: Annotated[str, Field(min_length=1, max_length=100), AfterValidator(_sent)]


def openai_view(endpoint: Endpoint) -> dict[str, Any]:
    return {
        "id": endpoint.id,
        "object": "webhook_endpoint",
        "name": endpoint.description,
        "url": endpoint.url,
        "event_types": list(endpoint.events),
        "signing_secret_hint": endpoint.secrets[0].hint,
        "created_at": int(endpoint.created_at.timestamp()),
        "updated_at": int((endpoint.updated_at or endpoint.created_at).timestamp()),
    }

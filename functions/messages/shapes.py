"""What the routes of messages give; what they take is in `antiphon.conversations.shapes`."""

from __future__ import annotations

from typing import Any

from antiphon.engines.chat import About


def model_view(about: About) -> dict[str, Any]:
    """OpenAI's shape, and what ours can beside it."""
    return {
        "id": about.name,
        "object": "model",
        "created": 0,
        "owned_by": about.provider,
        "provider": about.provider,
        "capabilities": list(about.capabilities),
        "context_tokens": about.context_tokens,
        "configured": about.configured,
    }

"""What the routes of messages give; what they take is in `antiphon.conversations.shapes`."""

from __future__ import annotations

from typing import Any

from antiphon.engines.chat import About
from antiphon.speech.openai.names import AudioModel


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


def audio_model_view(model: AudioModel) -> dict[str, Any]:
    """``provider``: the engine that answers to this name."""
    return {
        "id": model.name,
        "object": "model",
        "created": 0,
        "owned_by": model.engine,
        "provider": model.engine,
        "capabilities": list(model.capabilities),
        "context_tokens": None,
        "configured": True,
    }

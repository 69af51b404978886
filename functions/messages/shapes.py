"""What the routes of messages take and give. Bounds stand here and nowhere else; FastAPI turns a breach into a 422 that names the field."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, StringConstraints

from antiphon.conversations.model import MAX_CONTENT
from antiphon.conversations.shapes import ChatSettings, ModelName, Shape
from antiphon.engines.chat import About
from antiphon.speech.openai.names import AudioModel


def _readable(text: str) -> str:
    if not text.strip():
        raise ValueError("is empty; write something")
    return text


Content = Annotated[str, StringConstraints(min_length=1, max_length=MAX_CONTENT), AfterValidator(_readable)]


class Attachment(Shape):
    """``transcription``, ``document``: one of yours that has succeeded, its text goes to the model beside the message. ``audio``: an upload that is transcribed
    already, its text likewise; one that is not gives a 409 `recording_not_transcribed` (`POST /v1/conversations/{id}/runs` hears it first). ``image``: an upload with
    the purpose `chat`, for models that see."""

    type: Literal["transcription", "document", "image", "audio"]
    id: Annotated[str, StringConstraints(min_length=1, max_length=64)]


class NewMessage(Shape):
    content: Content
    model: ModelName | None = None
    attachments: Annotated[list[Attachment], Field(max_length=10, default_factory=list)]
    settings: ChatSettings | None = None


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

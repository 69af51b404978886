"""What the functions of chat take. Bounds stand here and nowhere else; a breach is an error that names the field."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from antiphon.conversations.model import MAX_CONTENT, MAX_OUTPUT, ChatOptions

ModelName = Annotated[str, StringConstraints(min_length=1, max_length=100)]


class Shape(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ChatSettings(Shape):
    """What is absent or null is left to the conversation, and then to the model."""

    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    max_output_tokens: Annotated[int, Field(ge=1, le=MAX_OUTPUT)] | None = None
    system_prompt: Annotated[str, StringConstraints(max_length=8_000)] | None = None

    def options(self) -> ChatOptions:
        return ChatOptions.of(self.model_dump())


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

"""What the routes of runs take. Bounds stand here and nowhere else; FastAPI turns a breach into a 422 that names the field."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, model_validator
from shapes import Metadata

from antiphon.conversations.model import MAX_CONTENT, ChatOptions
from antiphon.conversations.shapes import ChatSettings, ModelName, Shape


class RunAttachment(Shape):
    """``transcription``, ``document``: one of yours that has succeeded, its text goes to the model. ``image``: an upload with the purpose `chat`. ``audio``: an uploaded recording (`POST /v1/uploads`), which is
    transcribed first and then is what you say."""

    type: Literal["transcription", "document", "image", "audio"]
    id: Annotated[str, StringConstraints(min_length=1, max_length=64)]


class Speak(Shape):
    """How the answer is spoken."""

    voice: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = None
    format: Literal["mp3", "opus", "aac", "flac", "wav", "pcm"] = "mp3"


class NewRun(Shape):
    content: Annotated[str, StringConstraints(max_length=MAX_CONTENT)] = ""
    model: ModelName | None = None
    attachments: Annotated[list[RunAttachment], Field(max_length=10, default_factory=list)]
    settings: ChatSettings | None = None
    tools: Annotated[
        list[Annotated[str, StringConstraints(min_length=1, max_length=64)]] | None,
        Field(max_length=20, description="Those that the run may call; all if left out, none if empty."),
    ] = None
    speak: bool | Speak = Field(False, description="Whether, and how, the answer is spoken too.")
    metadata: Metadata = Field(default_factory=dict)

    @model_validator(mode="after")
    def something_is_said(self) -> NewRun:
        if not self.content.strip() and not any(a.type == "audio" for a in self.attachments):
            raise ValueError("content is empty; write something, or attach a recording")
        return self

    def chosen(self) -> ChatOptions:
        return self.settings.options() if self.settings else ChatOptions()

    def spoken(self) -> dict[str, Any] | None:
        if self.speak is False:
            return None
        return {} if self.speak is True else self.speak.model_dump(exclude_none=True)

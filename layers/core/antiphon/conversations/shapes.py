"""What both chat functions take."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from antiphon.conversations.model import MAX_OUTPUT, ChatOptions

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

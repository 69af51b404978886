"""What the chat routes take. Bounds stand here and nowhere else; FastAPI turns a breach into a 422 that names the field."""

from __future__ import annotations

import json
from typing import Annotated, Any

from pydantic import AfterValidator, Field, StringConstraints

from antiphon.conversations.manage import Wish
from antiphon.conversations.model import MAX_TITLE
from antiphon.conversations.shapes import ChatSettings, ModelName, Shape

MAX_METADATA = 4_096


def _small(metadata: dict[str, Any]) -> dict[str, Any]:
    if len(json.dumps(metadata)) > MAX_METADATA:
        raise ValueError(f"may have {MAX_METADATA} bytes as JSON")
    return metadata


def _named(name: str) -> str:
    if not name.strip():
        raise ValueError("is empty; write something")
    return name.strip()


Title = Annotated[str, StringConstraints(max_length=MAX_TITLE), AfterValidator(str.strip)]
Metadata = Annotated[dict[str, Any], Field(max_length=50), AfterValidator(_small)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=100), AfterValidator(_named)]


class NewConversation(Shape):
    title: Title | None = None
    model: ModelName | None = None
    archived: bool | None = None
    settings: ChatSettings | None = None
    metadata: Metadata | None = None

    def wish(self) -> Wish:
        return Wish(self.title, self.model, self.archived, self.settings and self.settings.options(), self.metadata)


class ConversationChange(NewConversation):
    """What is absent or null stays as it is; settings and metadata are replaced as a whole. An empty title is made anew from the text."""


class NewPreset(Shape):
    name: Name
    model: ModelName | None = None
    settings: ChatSettings = Field(default_factory=ChatSettings)

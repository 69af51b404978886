"""What the media routes take; the shapes of the operations themselves stand beside what they do."""

from __future__ import annotations

import json
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from antiphon.media.operations import Operations

MAX_METADATA = 8_192
"""Bytes of a job's metadata as JSON."""
MAX_COMMAND = 1_000


def _small(metadata: dict[str, Any]) -> dict[str, Any]:
    if len(json.dumps(metadata, ensure_ascii=False).encode()) > MAX_METADATA:
        raise ValueError(f"has more than {MAX_METADATA} bytes as JSON")
    return metadata


Metadata = Annotated[
    dict[Annotated[str, StringConstraints(max_length=64)], Any], AfterValidator(_small), Field(max_length=50)
]
CallbackUrl = Annotated[str, StringConstraints(min_length=8, max_length=2048)]


class Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class NewEdit(Shape):
    operations: Operations
    metadata: Metadata = {}
    callback_url: CallbackUrl | None = None


class PlainCommand(Shape):
    """confirm: do it; else it is only said what was understood."""

    text: Annotated[str, StringConstraints(min_length=1, max_length=MAX_COMMAND)]
    confirm: bool = False
    metadata: Metadata = {}
    callback_url: CallbackUrl | None = None

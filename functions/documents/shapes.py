"""What the routes of documents take and give. Bounds stand here and nowhere else; FastAPI turns a breach into a 422 that names the field."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from antiphon.conversations.shapes import ModelName
from antiphon.documents.ask import Answered
from antiphon.documents.model import Part

MAX_METADATA = 8_192
"""Bytes of a document's metadata as JSON."""


def _small(metadata: dict[str, Any]) -> dict[str, Any]:
    if len(json.dumps(metadata, ensure_ascii=False).encode()) > MAX_METADATA:
        raise ValueError(f"has more than {MAX_METADATA} bytes as JSON")
    return metadata


def _readable(text: str) -> str:
    if not text.strip():
        raise ValueError("is empty; write something")
    return text


Metadata = Annotated[
    dict[Annotated[str, StringConstraints(max_length=64)], Any], AfterValidator(_small), Field(max_length=50)
]
Filename = Annotated[str, StringConstraints(min_length=1, max_length=255)]
ContentType = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9!#$&^_.+-]{1,64}/[A-Za-z0-9!#$&^_.+-]{1,100}(;[ -~]{0,100})?$")
]
Title = Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(_readable)]


class Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class NewDocument(Shape):
    """What it is, is seen by its content: pdf, docx, pptx, xlsx, txt, md, html or csv."""

    filename: Filename
    content_type: ContentType
    size: Annotated[int, Field(ge=1, le=5 * 1024**4)]
    title: Title | None = None
    metadata: Metadata = {}
    callback_url: Annotated[str, StringConstraints(min_length=8, max_length=2048)] | None = None


class DocumentChange(Shape):
    title: Title


class NewQuestion(Shape):
    """``document_ids``: where to look; without it, in all documents."""

    question: Annotated[str, StringConstraints(min_length=1, max_length=4_000), AfterValidator(_readable)]
    document_ids: (
        Annotated[
            list[Annotated[str, StringConstraints(min_length=1, max_length=64)]], Field(min_length=1, max_length=20)
        ]
        | None
    ) = None
    top_k: Annotated[int, Field(ge=1, le=20)] = 5
    model: ModelName | None = None


def part_view(part: Part) -> dict[str, Any]:
    return {"page": part.page, "text": part.text}


def answered_view(answered: Answered) -> dict[str, Any]:
    answer = answered.answer
    return {
        "passages": [asdict(passage) for passage in answered.passages],
        "answer": answer
        and {
            "content": answer.content,
            "citations": [asdict(citation) for citation in answer.citations],
            "model": answer.model,
            "finish_reason": answer.finish_reason,
            "tokens": {"input": answer.tokens_in, "output": answer.tokens_out},
        },
    }

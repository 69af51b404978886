"""What a run can do, each tool in a file of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from antiphon.platform.errors import Invalid
from antiphon.platform.ids import derived_id, time_of

A = TypeVar("A", bound=BaseModel)


class Arguments(BaseModel):
    """Of a tool: what the model has to say, held to its bounds here."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


def parsed(shape: type[A], arguments: Mapping[str, Any]) -> A:
    """Raises Invalid: the model reads what is wrong, and may try again."""
    try:
        return shape.model_validate(dict(arguments))
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'arguments'}: {e['msg']}" for e in error.errors()[:5])
        raise Invalid(f"The arguments do not fit: {wrong}") from error


def schema_of(shape: type[BaseModel]) -> dict[str, Any]:
    """JSON Schema as the providers take it."""
    schema = shape.model_json_schema()
    schema.pop("title", None)
    schema.pop("description", None)
    for each in schema.get("properties", {}).values():
        each.pop("title", None)
    return schema


def seed_of(run_id: str, seed: str) -> str:
    """The ULID of what a call makes: the same for the same call."""
    return derived_id("job", time_of(run_id), seed).partition("_")[2]

"""Forms as the SDKs send them, read part by part: what is large lies in a temporary file, not in memory."""

from __future__ import annotations

from typing import Any, TypeVar

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request

from antiphon.platform.bodies import MAX_FORM, too_large_for_a_form
from antiphon.platform.errors import Field, Invalid
from antiphon.speech.hand_in import File
from antiphon.speech.openai.shapes import LISTS, nested

S = TypeVar("S", bound=BaseModel)
TYPES = ("multipart/form-data", "application/x-www-form-urlencoded")
MOST_FIELDS = 300
LONGEST_FIELD = 512 * 1024


async def read_form(request: Request, shape: type[S]) -> tuple[S, File | None]:
    """The fields, and the file where one came. Raises Invalid, TooLarge, RequestValidationError."""
    if request.headers.get("content-type", "").split(";")[0].strip().lower() not in TYPES:
        raise Invalid("Could not parse multipart form: send multipart/form-data.", code="bad_form")
    file, fields = None, []
    try:
        async with request.form(max_files=1, max_fields=MOST_FIELDS, max_part_size=LONGEST_FIELD) as form:
            for name, value in form.multi_items():
                if not isinstance(value, UploadFile) and name == "file":
                    detail = "Invalid type for 'file': expected a file; its part of the form needs a filename."
                    raise Invalid(detail, code="invalid_type", fields=(Field(name, detail),))
                if not isinstance(value, UploadFile):
                    fields.append((name, value))
                elif name != "file":
                    raise Invalid(f"Unknown parameter: '{name}'.", code="unknown_parameter", fields=(Field(name, ""),))
                elif (value.size or 0) > MAX_FORM:
                    raise too_large_for_a_form()
                else:
                    file = File(value.filename or "", await value.read())
    except HTTPException as error:
        raise Invalid(f"Could not parse multipart form: {error.detail}", code="bad_form") from error
    try:
        wanted = shape.model_validate(nested(fields))
    except ValidationError as error:
        raise RequestValidationError(error.errors()) from error
    return wanted, file


def documented(shape: type[BaseModel]) -> dict[str, Any]:
    """The body of such a route, for the OpenAPI document, with lists as the SDKs name them."""
    schema = shape.model_json_schema()
    parts = schema.pop("$defs", {})
    schema = _whole(schema, parts)
    schema["properties"] = {
        (f"{name}[]" if name in LISTS else name): part for name, part in schema["properties"].items()
    }
    schema["properties"]["file"] = {"type": "string", "format": "binary"}
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}}}


def _whole(schema: Any, parts: dict[str, Any]) -> Any:
    """References resolved: they are those of one shape, and the document is another."""
    if isinstance(schema, dict):
        if "$ref" in schema:
            return _whole(parts[schema["$ref"].rsplit("/", 1)[1]], parts)
        return {key: _whole(part, parts) for key, part in schema.items() if key != "title" or not isinstance(part, str)}
    return [_whole(part, parts) for part in schema] if isinstance(schema, list) else schema

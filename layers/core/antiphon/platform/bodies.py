"""What a request to a FastAPI function may carry."""

from __future__ import annotations

from fastapi import Request

from antiphon.platform.errors import TooLarge
from antiphon.platform.strict_json import parse, require_json

MAX_BODY = 6 * 1024**2
"""Bytes of a request. Lambda takes no more than that in one event."""
MAX_FORM = 4_500_000
"""Bytes of a form that holds a file: in the event it is base64, and beside it are headers and context."""


async def check_body(request: Request) -> bytes | None:
    """All bodies here are JSON. FastAPI reads them once more, and less strictly. None where there can be none. Raises TooLarge, Unsupported, Invalid."""
    if request.method not in ("POST", "PUT", "PATCH"):
        return None
    body = await request.body()
    if len(body) > MAX_BODY:
        raise TooLarge(f"The body may have {MAX_BODY} bytes.")
    if body:
        require_json(request.headers.get("content-type"))
        parse(body)
    return body


def check_length(request: Request) -> None:
    """Before anything of a form is read. Raises TooLarge."""
    length = request.headers.get("content-length", "0")
    if request.method == "POST" and length.isdecimal() and int(length) > MAX_FORM:
        raise too_large_for_a_form()


def too_large_for_a_form() -> TooLarge:
    return TooLarge(
        f"Maximum content size limit ({MAX_FORM}) exceeded. Upload larger files with POST /v1/uploads, and send the media_id that it gives in place of file.",
        code="upload_too_large",
    )

"""Messages and their answers, behind a gateway that does not stream: each answer in one piece."""

from __future__ import annotations

from functools import cache
from typing import Any

from app import build
from mangum import Mangum
from wiring import wiring

from antiphon.platform.problem import CONTENT_TYPE


@cache
def _adapter() -> Mangum:
    return Mangum(
        build(wiring(), watch_for=20.0),
        lifespan="off",
        text_mime_types=["text/", "application/json", CONTENT_TYPE],
    )


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return _adapter()(event, context)

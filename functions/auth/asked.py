"""What the routes of this function read of a request."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aws_lambda_powertools.event_handler.api_gateway import Router

from antiphon.identity.sign_in import Device
from antiphon.platform.cursors import decode_cursor, encode_cursor
from antiphon.platform.errors import Field, Invalid
from antiphon.platform.idempotency import Answer, Idempotency
from antiphon.platform.pages import Page
from antiphon.platform.request import Caller, caller_of, client_address

DEFAULT_LIMIT, MAX_LIMIT = 20, 100


def me(router: Router) -> Caller:
    return caller_of(router.current_event.raw_event)


def device(router: Router) -> Device:
    event = router.current_event
    return Device(event.headers.get("user-agent"), client_address(event.raw_event), router.context["request_id"])


def idempotency_key(router: Router) -> str | None:
    return router.current_event.headers.get("idempotency-key")


def page_of(router: Router, *scope: str) -> tuple[int, str | None]:
    """``limit`` and the position of ``cursor``. scope: owner and list. Raises Invalid, BadCursor."""
    asked = router.current_event.query_string_parameters or {}
    limit = asked.get("limit", str(DEFAULT_LIMIT))
    if not (limit.isascii() and limit.isdigit() and 1 <= int(limit[:4]) <= MAX_LIMIT):
        detail = f"Send a number from 1 to {MAX_LIMIT}."
        raise Invalid(f"limit: {detail}", fields=(Field("limit", detail),))
    return int(limit), decode_cursor(asked.get("cursor"), *scope)


def listed(page: Page[Any], show: Callable[[Any], dict[str, Any]], *scope: str) -> dict[str, Any]:
    return {
        "data": [show(item) for item in page.items],
        "next_cursor": page.position and encode_cursor(page.position, *scope),
    }


def once(
    idempotency: Idempotency,
    *,
    user: str,
    path: str,
    key: str | None,
    body: bytes,
    make: Callable[[str | None], tuple[str, Any]],
    again: Callable[[str], Any],
) -> Any:
    """The result of a POST whose answer holds secrets, which are never stored: a repeat makes new ones for the same thing.

    make: from a seed to the thing's id and the result; again: from that id to a new result.
    """
    if key is None:
        return make(None)[1]
    record = idempotency.begin(user=user, method="POST", path=path, key=key, body=body)
    if record.answer:
        return again(record.answer.body)
    try:
        thing, result = make(record.seed)
    except Exception:
        idempotency.release(record)
        raise
    idempotency.finish(record, Answer(201, (), thing))
    return result

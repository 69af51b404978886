"""Opaque positions in a list. A cursor is only good for the list and filters that gave it."""

from __future__ import annotations

import base64
import hashlib
import json

from antiphon.platform.errors import BadCursor


def _scope(parts: tuple[str, ...]) -> str:
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:12]


def encode_cursor(position: str, *scope: str) -> str:
    """position: where the next page begins; scope: owner, list and filters it belongs to."""
    raw = json.dumps([_scope(scope), position], separators=(",", ":"))
    return base64.urlsafe_b64encode(raw.encode()).decode().rstrip("=")


def decode_cursor(cursor: str | None, *scope: str) -> str | None:
    """Raises BadCursor for anything that `encode_cursor` did not make for this very scope."""
    if not cursor:
        return None
    try:
        _, position = json.loads(base64.urlsafe_b64decode(cursor.encode("ascii") + b"=="))
    except (ValueError, TypeError, RecursionError) as error:
        raise BadCursor("Take next_cursor as the list gave it, unchanged.") from error
    if not isinstance(position, str) or cursor != encode_cursor(position, *scope):
        raise BadCursor("This cursor belongs to another list or to other filters; start again without a cursor.")
    return position

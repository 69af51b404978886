"""Ids: a prefix that says what the thing is, and a ULID, so that ids sort by the time they were made."""

from __future__ import annotations

import hashlib
import re
from datetime import datetime

from ulid import ULID

PREFIXES = (
    "usr",
    "key",
    "ses",
    "conv",
    "msg",
    "run",
    "job",
    "med",
    "doc",
    "whk",
    "dlv",
    "evt",
    "req",
    "pre",
    "dev",
    "cmd",
)
_ID = re.compile(r"(?P<prefix>[a-z]{3,4})_[0-9A-HJKMNP-TV-Z]{26}")


def new_id(prefix: str, at: datetime | None = None) -> str:
    return f"{prefix}_{ULID.from_datetime(at) if at else ULID()}"


def derived_id(prefix: str, at: datetime, *parts: str, order: int = 0) -> str:
    """The same id for the same parts and moment: what makes doing something twice harmless.

    order: sorts ids of the same millisecond.
    """
    digest = hashlib.sha256("\x1f".join(parts).encode()).digest()
    made = ULID.from_datetime(at).bytes[:6] + (order % 65_536).to_bytes(2, "big") + digest[:8]
    return f"{prefix}_{ULID.from_bytes(made)}"


def first_id(prefix: str, at: datetime) -> str:
    """Sorts before every id of this millisecond, and after every one before it."""
    return f"{prefix}_{ULID.from_bytes(ULID.from_datetime(at).bytes[:6] + bytes(10))}"


def time_of(any_id: str) -> datetime:
    """When the id was made, to the millisecond, in UTC."""
    return ULID.from_str(any_id.split("_", 1)[1]).datetime


def is_id(text: str, prefix: str) -> bool:
    match = _ID.fullmatch(text)
    return match is not None and match["prefix"] == prefix

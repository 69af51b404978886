"""Where the operator keeps the weights."""

from __future__ import annotations

from typing import Protocol


class Interrupted(Exception):
    """A read broke off; it can be tried again."""


class Shelf(Protocol):
    def address(self, key: str) -> str:
        """Where this key lies, as an operator would write it."""

    def size(self, key: str) -> int | None:
        """Bytes, or None where there is nothing."""

    def read(self, key: str, start: int, end: int) -> bytes:
        """The bytes from ``start`` up to and without ``end``. Raises Interrupted."""

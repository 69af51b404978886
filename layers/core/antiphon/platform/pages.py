"""A page of a list, newest first unless the list says otherwise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Page(Generic[T]):
    """``position``: where the next page begins, or None at the end."""

    items: tuple[T, ...]
    position: str | None = None

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Protocol

from antiphon.speech.model import Kind
from antiphon.tally.model import Span


class Tally(Protocol):
    """Counters of each hour."""

    def add(self, event_id: str, at: datetime, counts: Mapping[str, int]) -> bool:
        """Whether it was counted now: an event that was counted before, in the last two days, is not counted again."""

    def open(self) -> Mapping[Kind, int]:
        """Jobs by their kind that were accepted or retried and have not succeeded, failed or been canceled since, as far as it was counted."""

    def hours(self, since: datetime, until: datetime) -> Iterator[Span]:
        """Those in which something happened and that begin at or after ``since`` and before ``until``, in order."""

"""What the work knows of its claim."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta

from antiphon.platform.errors import LeaseLost
from antiphon.work.heartbeat import Heartbeat


class Drained(Exception):
    """The work stopped between two chunks because the worker was told to."""


class Waits(Exception):
    """Another job does the same work. The job went back without a message; it is sent one when the other has ended."""


class Lease:
    """What the work knows of its claim: whose it is, for how long, and whether to go on."""

    def __init__(
        self,
        owner: str,
        span: timedelta,
        heartbeat: Heartbeat,
        stopping: threading.Event,
        pulse: Callable[[], None] = lambda: None,
    ) -> None:
        self.owner = owner
        self.span = span
        self._heartbeat = heartbeat
        self._stopping = stopping
        self._pulse = pulse

    def check(self) -> None:
        """To be called between chunks: it is also the sign that the work gets on. Raises LeaseLost, Drained."""
        self._pulse()
        if self._heartbeat.lost.is_set():
            raise LeaseLost
        if self._stopping.is_set() or self._heartbeat.too_long.is_set():
            raise Drained

"""A fake lane, for tests: visibility runs on a clock that the test holds."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import datetime, timedelta

from antiphon.platform.clock import Clock
from antiphon.work.queue import Message, MessageLost


class MemoryLane:
    """``hidden``: every (job id, seconds) asked for, in order."""

    def __init__(self, name: str, clock: Clock, visibility: int = 60) -> None:
        self.name = name
        self._clock = clock
        self._visibility = timedelta(seconds=visibility)
        self._messages: dict[str, tuple[Message, datetime, int]] = {}
        self._changed = threading.Condition()
        self.hidden: list[tuple[str, int]] = []
        self.receives = 0

    def send(self, message: Message) -> None:
        with self._changed:
            self._messages[message.id] = (message, self._clock(), 0)
            self._changed.notify_all()

    def receive(self, wait: int) -> Message | None:
        with self._changed:
            self.receives += 1
            for _ in range(2):
                for message, visible, times in self._messages.values():
                    if visible <= self._clock():
                        received = replace(message, receipt=f"{message.id}/{times + 1}", receives=times + 1)
                        self._messages[message.id] = (received, self._clock() + self._visibility, times + 1)
                        return received
                self._changed.wait(min(wait, 0.01))
        return None

    def hide(self, message: Message, seconds: int) -> None:
        with self._changed:
            self._own(message)
            _, _, times = self._messages[message.id]
            self._messages[message.id] = (message, self._clock() + timedelta(seconds=seconds), times)
            self.hidden.append((message.job_id, seconds))
            self._changed.notify_all()

    def delete(self, message: Message) -> None:
        with self._changed:
            known = self._messages.get(message.id)
            if known and known[0].receipt == message.receipt:
                del self._messages[message.id]

    def lose(self, message: Message) -> None:
        """As if the visibility had run out and another worker had received it."""
        with self._changed:
            known, visible, times = self._messages[message.id]
            self._messages[message.id] = (replace(known, receipt="another"), visible, times + 1)

    @property
    def waiting(self) -> int:
        return len(self._messages)

    def _own(self, message: Message) -> None:
        known = self._messages.get(message.id)
        if known is None or known[0].receipt != message.receipt:
            raise MessageLost

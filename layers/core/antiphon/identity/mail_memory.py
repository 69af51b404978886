"""Fakes of the post, for tests."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from antiphon.identity.letters import Letter
from antiphon.identity.mail import PER_HOUR, Mail
from antiphon.platform.clock import Clock


@dataclass
class MemoryMails:
    asked: list[Mail] = field(default_factory=list)

    def send(self, mail: Mail, *, request_id: str | None = None) -> None:
        self.asked.append(mail)


@dataclass
class MemoryPost:
    letters: list[tuple[str, Letter]] = field(default_factory=list)

    def deliver(self, to: str, letter: Letter) -> None:
        self.letters.append((to, letter))


class MemoryMailLog:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._reserved: defaultdict[tuple[str, int], set[str]] = defaultdict(set)
        self._done: set[tuple[str, str]] = set()

    def may_send(self, address: str, message_id: str) -> bool:
        here = self._reserved[self._hour(address)]
        if message_id not in here and len(here) >= PER_HOUR:
            return False
        here.add(message_id)
        return True

    def was_sent(self, address: str, message_id: str) -> bool:
        return (address, message_id) in self._done

    def sent(self, address: str, message_id: str) -> None:
        self._done.add((address, message_id))

    def _hour(self, address: str) -> tuple[str, int]:
        return address, int(self._clock().timestamp()) // 3600

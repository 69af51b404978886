"""Fakes of what an erasure works on, for tests."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from antiphon.identity.memory import MemoryUsers
from antiphon.identity.model import Mark, Removed, SecondLook, UserStatus, account_key


class MemoryAccountRows:
    """``rows``: by user, names of rows in the order in which they go; those of the address under the address."""

    def __init__(self, users: MemoryUsers) -> None:
        self.rows: dict[str, list[str]] = {}
        self.open: dict[str, list[str]] = {}
        self._users = users
        self._marks: dict[str, tuple[Mark, datetime]] = {}
        self._finished: dict[str, tuple[Removed, datetime]] = {}

    def mark(self, user_id: str, now: datetime, due: datetime) -> Mark | None:
        user = self._users.get(user_id)
        if user is None:
            return None
        self._users._users[user_id] = replace(user, status=UserStatus.ERASING)
        known = self._marks.get(user_id)
        mark = known[0] if known else Mark(user_id, user.email, now)
        self._marks[user_id] = (mark, due)
        return mark

    def due(self, now: datetime) -> Iterator[str]:
        yield from [user_id for user_id, (_, due) in self._marks.items() if due <= now]

    def stop(self, user_id: str) -> Iterator[Removed]:
        while self.open.get(user_id):
            self.open[user_id].pop()
            yield Removed()

    def remove(self, user_id: str, email: str | None) -> Iterator[Removed]:
        for owner in (user_id, email):
            while owner and self.rows.get(owner):
                self.rows[owner].pop(0)
                yield Removed(rows=1)

    def pause(self, mark: Mark, removed: Removed, due: datetime) -> None:
        self._marks[mark.user_id] = (replace(mark, removed=removed), due)

    def finish(self, mark: Mark, removed: Removed, at: datetime) -> None:
        if self._marks.pop(mark.user_id, None):
            del self._users._users[mark.user_id]
            self._users.tombstones.add(account_key(mark.user_id))
            self._finished[mark.user_id] = (removed, at)

    def finished(self, user_id: str) -> tuple[Removed, datetime] | None:
        return self._finished.get(user_id)


class MemoryAccountObjects:
    """``versions``: of each user, by key."""

    def __init__(self) -> None:
        self.versions: dict[str, dict[str, int]] = {}

    def remove(self, user_id: str) -> Iterator[Removed]:
        mine = self.versions.get(user_id, {})
        while mine:
            _, versions = mine.popitem()
            yield Removed(objects=1, versions=versions)


class MemorySecondLooks:
    def __init__(self) -> None:
        self.waiting: list[str] = []

    def send(self, user_id: str) -> None:
        self.waiting.append(user_id)

    def receive(self) -> Iterator[SecondLook]:
        for user_id in list(self.waiting):
            yield SecondLook(user_id, user_id)

    def forget(self, look: SecondLook) -> None:
        self.waiting.remove(look.receipt)

"""A fake of the user store, for tests."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from antiphon.identity.model import Session, User, UserStatus, account_key
from antiphon.identity.ports import EmailTaken, Standing


class MemoryUsers:
    def __init__(self) -> None:
        self._users: dict[str, User] = {}
        self._sessions: dict[tuple[str, str], Session] = {}
        self._lock = threading.Lock()
        self.tombstones: set[str] = set()

    def create(self, user: User) -> None:
        with self._lock:
            if any(u.email == user.email and u.id != user.id for u in self._users.values()):
                raise EmailTaken
            self._users.setdefault(user.id, user)

    def get(self, user_id: str) -> User | None:
        return self._users.get(user_id)

    def by_email(self, email: str) -> User | None:
        return next((u for u in self._users.values() if u.email == email), None)

    def replace_password_hash(self, user: User, password_hash: str) -> None:
        with self._lock:
            if self._users.get(user.id) == user:
                self._users[user.id] = replace(user, password_hash=password_hash)

    def start_session(self, session: Session) -> None:
        self._sessions[session.user_id, session.id] = session

    def session(self, user_id: str, session_id: str) -> Session | None:
        return self._sessions.get((user_id, session_id))

    def tier_of(self, user_id: str) -> str | None:
        user = self.get(user_id)
        return user.tier if user and user.status is UserStatus.ACTIVE else None

    def standing(self, user_id: str) -> Standing:
        user = self.get(user_id)
        if user is None:
            return "erased" if account_key(user_id) in self.tombstones else "unknown"
        return "erased" if user.status is UserStatus.ERASING else "here"

    def defaults_of(self, user_id: str) -> Mapping[str, Any]:
        user = self.get(user_id)
        return user.preferences.get("defaults", {}) if user else {}

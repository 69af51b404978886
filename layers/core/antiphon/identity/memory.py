"""Fakes of the identity stores, for tests."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from antiphon.identity.model import ApiKey, Session, User, UserStatus, account_key, federated_key
from antiphon.identity.ports import Changed, EmailTaken, Standing
from antiphon.platform.audit import Entry
from antiphon.platform.events import Event
from antiphon.platform.pages import Page


class MemoryUsers:
    """``events``, ``entries``: what was written with a change."""

    def __init__(self) -> None:
        self._users: dict[str, User] = {}
        self._sessions: dict[tuple[str, str], Session] = {}
        self._lock = threading.Lock()
        self.events: list[Event] = []
        self.entries: list[Entry] = []
        self._links: dict[str, str] = {}
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

    def by_federated(self, issuer: str, subject: str) -> User | None:
        return self._users.get(self._links.get(federated_key(issuer, subject), ""))

    def create_linked(self, user: User, issuer: str, subject: str) -> None:
        key = federated_key(issuer, subject)
        if self._links.get(key, user.id) != user.id:
            raise Changed
        self.create(user)
        self._links[key] = user.id

    def link(self, user: User, issuer: str, subject: str, event: Event | None = None) -> None:
        with self._lock:
            key = federated_key(issuer, subject)
            if key in self._links:
                if self._links[key] != user.id:
                    raise Changed
                return
            now = self._still(user)
            self._links[key] = user.id
            if event:
                self._users[user.id] = replace(
                    now,
                    password_hash="",
                    session_epoch=now.session_epoch + 1,
                    email_verified=True,
                    reset_hash=None,
                    reset_expires_at=None,
                )
                self.events.append(event)

    def unlink(self, user_id: str) -> None:
        with self._lock:
            self._links = {key: user for key, user in self._links.items() if user != user_id}

    def page(self, limit: int, position: str | None = None) -> Page[User]:
        return _page([u for u in self._users.values() if u.status is not UserStatus.ERASING], limit, position)

    def administer(self, before: User, after: User, entry: Entry) -> None:
        with self._lock:
            if self._users.get(before.id) == after:
                return
            now = self._still(before)
            if (now.tier, now.role) != (before.tier, before.role):
                raise Changed
            self._users[before.id] = replace(
                now, tier=after.tier, role=after.role, status=after.status, session_epoch=after.session_epoch
            )
            self.entries.append(entry)

    def replace_password_hash(self, user: User, password_hash: str) -> None:
        with self._lock:
            now = self._users.get(user.id)
            if now and (now.password_hash, now.status) == (user.password_hash, user.status):
                self._users[user.id] = replace(now, password_hash=password_hash)

    def change_password(self, user: User, password_hash: str, session: Session | None, event: Event) -> None:
        with self._lock:
            now = self._still(user)
            if now.password_hash != user.password_hash:
                raise Changed
            epoch = now.session_epoch + 1
            if session:
                known = self._sessions.get((user.id, session.id))
                if known is None or known.epoch != session.epoch:
                    raise Changed
                self._sessions[user.id, session.id] = replace(known, epoch=epoch)
            self._users[user.id] = replace(
                now, password_hash=password_hash, session_epoch=epoch, reset_hash=None, reset_expires_at=None
            )
            self.events.append(event)

    def begin_reset(self, user_id: str, reset_hash: str, expires_at: datetime) -> bool:
        with self._lock:
            user = self._users.get(user_id)
            if user is None or not user.active:
                return False
            self._users[user_id] = replace(user, reset_hash=reset_hash, reset_expires_at=expires_at)
            return True

    def reset_password(self, user_id: str, reset_hash: str, password_hash: str, now: datetime, event: Event) -> bool:
        with self._lock:
            user = self._users.get(user_id)
            if user is None or not user.active or not user.may_reset(reset_hash, now):
                return False
            self._users[user_id] = replace(
                user,
                password_hash=password_hash,
                session_epoch=user.session_epoch + 1,
                email_verified=True,
                reset_hash=None,
                reset_expires_at=None,
            )
            self.events.append(event)
            return True

    def change_profile(self, user: User, *, display_name: str | None, preferences: Mapping[str, Any]) -> None:
        with self._lock:
            now = self._still(user)
            if now.preferences != user.preferences:
                raise Changed
            self._users[user.id] = replace(now, display_name=display_name, preferences=preferences)

    def start_session(self, session: Session) -> None:
        with self._lock:
            user = self._users.get(session.user_id)
            if user is None or not user.active or user.session_epoch != session.epoch:
                raise Changed
            self._sessions[session.user_id, session.id] = session

    def session(self, user_id: str, session_id: str) -> Session | None:
        return self._sessions.get((user_id, session_id))

    def sessions(self, user_id: str, limit: int, position: str | None = None) -> Page[Session]:
        return _page([s for (u, _), s in self._sessions.items() if u == user_id], limit, position)

    def rotate(self, before: Session, after: Session) -> bool:
        with self._lock:
            known = self._sessions.get((before.user_id, before.id))
            if known is None or known.refresh_hash != before.refresh_hash:
                return False
            self._sessions[before.user_id, before.id] = after
            return True

    def end_session(self, session: Session, event: Event | None = None, entry: Entry | None = None) -> bool:
        with self._lock:
            was_there = self._sessions.pop((session.user_id, session.id), None) is not None
            if was_there and event:
                self.events.append(event)
            if was_there and entry:
                self.entries.append(entry)
            return was_there or (event is None and entry is None)

    def end_sessions(self, user_id: str) -> None:
        with self._lock:
            user = self._users[user_id]
            self._users[user_id] = replace(user, session_epoch=user.session_epoch + 1)

    def tier_of(self, user_id: str) -> str | None:
        user = self.get(user_id)
        return user.tier if user and user.active else None

    def standing(self, user_id: str) -> Standing:
        user = self.get(user_id)
        if user is None:
            return "erased" if account_key(user_id) in self.tombstones else "unknown"
        return "erased" if user.status is UserStatus.ERASING else "here"

    def defaults_of(self, user_id: str) -> Mapping[str, Any]:
        user = self.get(user_id)
        return user.preferences.get("defaults", {}) if user else {}

    def _still(self, user: User) -> User:
        now = self._users.get(user.id)
        if now is None or (now.status, now.session_epoch) != (user.status, user.session_epoch):
            raise Changed
        return now


class MemoryKeys:
    """users: a key is made for an active one only."""

    def __init__(self, users: MemoryUsers) -> None:
        self._users = users
        self._keys: dict[str, ApiKey] = {}
        self._lock = threading.Lock()
        self.touched = 0

    def create(self, key: ApiKey) -> None:
        with self._lock:
            if self._users.tier_of(key.user_id) is None:
                raise Changed
            if self.get(key.user_id, key.id) not in (None, key):
                raise Changed
            self._keys[key.hash] = key

    def replace(self, before: ApiKey, after: ApiKey) -> None:
        with self._lock:
            if before.hash not in self._keys:
                raise Changed
            del self._keys[before.hash]
            self._keys[after.hash] = after

    def get(self, user_id: str, key_id: str) -> ApiKey | None:
        found = next((k for k in self._keys.values() if (k.user_id, k.id) == (user_id, key_id)), None)
        return found and replace(found, used_at=None)

    def by_hash(self, key_hash: str) -> ApiKey | None:
        return self._keys.get(key_hash)

    def page(self, user_id: str, limit: int, position: str | None = None) -> Page[ApiKey]:
        return _page([k for k in self._keys.values() if k.user_id == user_id], limit, position)

    def touch(self, key: ApiKey, at: datetime) -> None:
        with self._lock:
            if key.hash in self._keys:
                self._keys[key.hash] = replace(self._keys[key.hash], used_at=at)
                self.touched += 1

    def delete(self, key: ApiKey) -> None:
        with self._lock:
            self._keys.pop(key.hash, None)


def _page(found: list[Any], limit: int, position: str | None) -> Page[Any]:
    rest = sorted((f for f in found if position is None or f.id < position), key=lambda f: f.id, reverse=True)
    return Page(tuple(rest[:limit]), rest[limit - 1].id if len(rest) > limit else None)

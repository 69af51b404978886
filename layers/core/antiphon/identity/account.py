"""What signed-in people do with their own account: profile, preferences, password, devices."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from antiphon.identity import passwords
from antiphon.identity.attempts import Attempts
from antiphon.identity.model import Session, User, email_key
from antiphon.identity.passwords import Passwords
from antiphon.identity.ports import Changed, SessionStore, UserStore
from antiphon.identity.refresh import notice
from antiphon.identity.sign_in import Device
from antiphon.platform.clock import Clock
from antiphon.platform.errors import Conflict, Field, Forbidden, NotFound, Unauthorized, Unavailable
from antiphon.platform.limits import network_of
from antiphon.platform.pages import Page

_ROUNDS = 4
KEEP = object()
"""Stands for a display name that stays as it is; None removes it."""


def merged(known: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """JSON Merge Patch (RFC 7396): null removes, objects are merged, all else replaces."""
    result = dict(known)
    for name, value in changes.items():
        if value is None:
            result.pop(name, None)
        elif isinstance(value, Mapping):
            old = result.get(name)
            result[name] = merged(old if isinstance(old, Mapping) else {}, value)
        else:
            result[name] = value
    return result


class Account:
    def __init__(
        self,
        *,
        users: UserStore,
        sessions: SessionStore,
        hasher: Passwords,
        attempts: Attempts,
        clock: Clock,
        min_length: int,
    ) -> None:
        self._users = users
        self._sessions = sessions
        self._hasher = hasher
        self._attempts = attempts
        self._clock = clock
        self._min_length = min_length

    def get(self, user_id: str) -> User:
        """Raises Unauthorized where there is no such user any more."""
        user = self._users.get(user_id)
        if user is None or not user.active:
            raise Unauthorized
        return user

    def change(
        self, user_id: str, *, display_name: Any = KEEP, preferences: Mapping[str, Any] | None = MappingProxyType({})
    ) -> User:
        """display_name: None removes it; preferences: a merge patch, None removes all. Raises Unauthorized, Unavailable."""
        for _ in range(_ROUNDS):
            user = self.get(user_id)
            name = user.display_name if display_name is KEEP else display_name
            wanted = {} if preferences is None else merged(user.preferences, preferences)
            try:
                self._users.change_profile(user, display_name=name, preferences=wanted)
            except Changed:
                continue
            return self.get(user_id)
        raise Unavailable("The profile changes too fast; repeat in a moment.", retry_after=1)

    def check_password(self, user_id: str, password: str, field: str, device: Device) -> User:
        """Raises Forbidden ``wrong_password``: a 401 would make clients throw away a token that is good; TooMany after many."""
        user = self.get(user_id)
        tried = (email_key(user.email), network_of(device.address or ""))
        self._attempts.begin(*tried)
        if not self._hasher.verify(password, user.password_hash or None):
            detail = (
                "The password is wrong." if user.password_hash else "This account has no password; ask for one by mail."
            )
            raise Forbidden(detail, code="wrong_password", fields=(Field(field, detail),))
        self._attempts.succeeded(*tried)
        return user

    def change_password(self, user_id: str, session_id: str, *, current: str, new: str, device: Device) -> None:
        """Ends all other sessions, and tells the owner. Raises Forbidden, Invalid, Conflict."""
        user = self.check_password(user_id, current, "current_password", device)
        passwords.check(new, email=user.email, min_length=self._min_length, field="new_password")
        session = self._sessions.session(user_id, session_id)
        if session is None:
            raise Unauthorized
        event = notice(user.id, "password_changed", user.id, self._clock(), {}, device.request_id)
        try:
            self._users.change_password(user, self._hasher.hash(new), session, event)
        except Changed as changed:
            raise Conflict("The account was changed at the same time; repeat.", code="account_changed") from changed

    def sessions(self, user_id: str, limit: int, position: str | None = None) -> Page[Session]:
        """Those that are good, newest first. A page may be shorter than asked for: ended ones are left out."""
        user, now = self.get(user_id), self._clock()
        page = self._sessions.sessions(user_id, limit, position)
        return Page(tuple(s for s in page.items if s.good_for(user, now)), page.position)

    def end_session(self, user_id: str, session_id: str) -> None:
        """Raises NotFound."""
        user = self.get(user_id)
        session = self._sessions.session(user_id, session_id)
        if session is None or not session.good_for(user, self._clock()):
            raise NotFound("There is no such session.")
        self._sessions.end_session(session)

    def end_sessions(self, user_id: str) -> None:
        """All, the caller's own one too."""
        self._sessions.end_sessions(user_id)

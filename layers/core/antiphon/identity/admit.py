"""Who a request comes from: a signed-in person by an access token, or a program by an API key."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from antiphon.identity import api_keys
from antiphon.identity.ports import KeyStore, SessionStore, UserStore
from antiphon.identity.tokens import Verifier
from antiphon.platform.clock import Clock
from antiphon.platform.errors import Unauthorized


@dataclass(frozen=True)
class Admitted:
    """``scopes``: of an API key, separated by spaces; empty for a signed-in person. One of ``session_id`` and ``key_id`` is empty.
    ``expires_at``: of the token or key; None for never. ``budget``: of the key."""

    user_id: str
    tier: str
    role: str
    session_id: str = ""
    key_id: str = ""
    scopes: str = ""
    expires_at: datetime | None = None
    budget: int | None = None


class Known:
    """For who has shown a token or key before: session or key, and the user, are read each time, so that what was ended or changed holds at once."""

    def __init__(self, *, users: UserStore, sessions: SessionStore, keys: KeyStore, clock: Clock) -> None:
        self._users = users
        self._sessions = sessions
        self._keys = keys
        self._clock = clock

    def by_session(self, user_id: str, session_id: str) -> Admitted:
        """Raises Unauthorized."""
        session = self._sessions.session(user_id, session_id)
        user = self._users.get(user_id) if session else None
        if session is None or user is None or not session.good_for(user, self._clock()):
            raise Unauthorized
        return Admitted(user.id, user.tier, user.role, session_id=session.id)

    def by_key_hash(self, key_hash: str) -> Admitted:
        """Raises Unauthorized."""
        now = self._clock()
        key = self._keys.by_hash(key_hash)
        if key is None or (key.expires_at is not None and key.expires_at <= now):
            raise Unauthorized
        user = self._users.get(key.user_id)
        if user is None or not user.active:
            raise Unauthorized
        if api_keys.stale_use(key, now):
            self._keys.touch(key, now)
        scopes = " ".join(key.scopes)
        found = Admitted(user.id, user.tier, user.role, key_id=key.id, scopes=scopes, expires_at=key.expires_at)
        return replace(found, budget=key.budget)


class Admit:
    """The gateway's own memory aside, nothing is remembered from one time to the next."""

    def __init__(
        self, *, verifier: Verifier, users: UserStore, sessions: SessionStore, keys: KeyStore, clock: Clock
    ) -> None:
        self._verifier = verifier
        self._known = Known(users=users, sessions=sessions, keys=keys, clock=clock)

    def __call__(self, authorization: str) -> Admitted:
        """authorization: the header's value. Raises Unauthorized."""
        scheme, _, token = authorization.partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token:
            raise Unauthorized
        return self.by_token(token)

    def by_token(self, token: str) -> Admitted:
        """token: an access token or an API key. Raises Unauthorized."""
        if token.startswith(api_keys.PREFIX):
            if not api_keys.has_form(token):
                raise Unauthorized
            return self._known.by_key_hash(api_keys.key_hash(token))
        claims = self._verifier.verify(token)
        return replace(self._known.by_session(claims.user_id, claims.session_id), expires_at=claims.expires_at)

"""Who a request comes from."""

from __future__ import annotations

from dataclasses import dataclass

from antiphon.identity.model import UserStatus
from antiphon.identity.ports import UserStore
from antiphon.identity.tokens import Verifier
from antiphon.platform.clock import Clock
from antiphon.platform.errors import Unauthorized


@dataclass(frozen=True)
class Admitted:
    """``scopes``: empty for a signed-in person."""

    user_id: str
    session_id: str
    tier: str
    role: str
    scopes: str = ""


class Admit:
    """Session and user are read each time, so that what was ended or changed holds at once (the gateway's own memory aside)."""

    def __init__(self, *, verifier: Verifier, users: UserStore, clock: Clock) -> None:
        self._verifier = verifier
        self._users = users
        self._clock = clock

    def __call__(self, authorization: str) -> Admitted:
        """authorization: the header's value. Raises Unauthorized."""
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Unauthorized
        claims = self._verifier.verify(token.strip())
        session = self._users.session(claims.user_id, claims.session_id)
        if session is None or session.expires_at <= self._clock():
            raise Unauthorized
        user = self._users.get(claims.user_id)
        if user is None or user.status is not UserStatus.ACTIVE:
            raise Unauthorized
        return Admitted(user.id, session.id, user.tier, user.role)

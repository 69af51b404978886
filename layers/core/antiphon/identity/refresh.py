"""Exchange a refresh token for new tokens, and sign out.

Each refresh token is good once. One that comes a second time was stolen, or its thief used it first: the session ends, and its owner hears of
it. Only a client that lost the answer may repeat: with the Idempotency-Key of its first request, for a minute.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType

from antiphon.identity import refresh_tokens
from antiphon.identity.model import REPLAY_FOR, Replay, Session, User
from antiphon.identity.ports import SessionStore, UserStore
from antiphon.identity.refresh_tokens import RefreshToken
from antiphon.identity.sign_in import Device, SignedIn
from antiphon.identity.tokens import Issuer
from antiphon.platform.audit import Entry
from antiphon.platform.clock import Clock
from antiphon.platform.errors import Unauthorized
from antiphon.platform.events import MAIL, Dispatch, Event
from antiphon.platform.ids import derived_id

_ROUNDS = 2
NOTHING: Mapping[str, float] = MappingProxyType({})
_REFUSED = "The refresh token is not good any more; log in again."


def notice(
    user_id: str,
    letter: str,
    about: str,
    now: datetime,
    data: Mapping[str, str],
    request_id: str | None,
    measured: Mapping[str, float] = NOTHING,
) -> Event:
    """An event of the account: mailed to its owner, and sent to the webhooks that ask for it. letter: the kind of mail."""
    return Event(
        id=derived_id("evt", now, user_id, letter, about),
        user_id=user_id,
        type=f"user.{letter}",
        timestamp=now,
        data=MappingProxyType(dict(data)),
        dispatch=Dispatch(MAIL, letter, about),
        request_id=request_id,
        measured=measured,
    )


class Refresh:
    def __init__(self, *, users: UserStore, sessions: SessionStore, issuer: Issuer, clock: Clock) -> None:
        self._users = users
        self._sessions = sessions
        self._issuer = issuer
        self._clock = clock

    def __call__(self, text: str, device: Device, key: str | None = None) -> SignedIn:
        """key: the Idempotency-Key. Raises Unauthorized ``invalid_refresh_token``; after a second use the session is gone."""
        token = refresh_tokens.parse(text)
        if token is None:
            raise _refused()
        for _ in range(_ROUNDS):
            now = self._clock()
            session = self._sessions.session(token.user_id, token.session_id)
            user = self._users.get(token.user_id)
            if session is None or user is None or not token.of_family(session) or not session.good_for(user, now):
                raise _refused()
            if not token.is_current(session):
                return self._again(session, user, token, device, key, now)
            found = self._exchange(session, user, token, device, key, now)
            if found:
                return found
        raise _refused()

    def logout(self, text: str) -> None:
        """Ends the token's session, if there is one; says nothing either way."""
        token = refresh_tokens.parse(text)
        session = token and self._sessions.session(token.user_id, token.session_id)
        if token and session and token.of_family(session):
            self._sessions.end_session(session)

    def _exchange(
        self, session: Session, user: User, token: RefreshToken, device: Device, key: str | None, now: datetime
    ) -> SignedIn | None:
        following = token.next()
        answer = {"access_token": self._issuer.access_token(user, session.id), "refresh_token": str(following)}
        replay = key and Replay(
            token.hash, refresh_tokens.key_hash(key), refresh_tokens.seal(answer, token), now + REPLAY_FOR
        )
        after = replace(
            session,
            refresh_hash=following.hash,
            used_at=now,
            device=device.short_name or session.device,
            address=device.address or session.address,
            replay=replay or None,
        )
        return (
            SignedIn(user, answer["access_token"], answer["refresh_token"])
            if self._sessions.rotate(session, after)
            else None
        )

    def _again(
        self, session: Session, user: User, token: RefreshToken, device: Device, key: str | None, now: datetime
    ) -> SignedIn:
        kept = session.replay
        lost_answer = (
            key is not None
            and kept is not None
            and kept.until > now
            and (kept.token_hash, kept.key_hash) == (token.hash, refresh_tokens.key_hash(key))
        )
        if lost_answer and kept:
            answer = refresh_tokens.opened(kept.sealed, token)
            return SignedIn(user, answer["access_token"], answer["refresh_token"])
        self._sessions.end_session(
            session,
            notice(
                user.id,
                "session_reused",
                session.id,
                now,
                {"session_id": session.id, "device": session.device or ""},
                device.request_id,
                {"ReuseDetected": 1},
            ),
            Entry(user.id, user.id, "session.reuse", session.id, "ended", now, device.request_id, device.address),
        )
        raise _refused()


def _refused() -> Unauthorized:
    return Unauthorized(_REFUSED, code="invalid_refresh_token")

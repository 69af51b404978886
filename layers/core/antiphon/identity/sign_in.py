"""Register and log in: both end with a session and its two tokens."""

from __future__ import annotations

from dataclasses import dataclass

from antiphon.identity import passwords
from antiphon.identity.model import ACCESS_FOR, REFRESH_FOR, Session, User, UserStatus, normal_email
from antiphon.identity.passwords import Passwords
from antiphon.identity.ports import EmailTaken, UserStore
from antiphon.identity.tokens import Issuer, new_refresh_token, refresh_hash
from antiphon.platform.clock import Clock
from antiphon.platform.errors import Conflict, Field, Unauthorized
from antiphon.platform.ids import new_id

MAX_DEVICE = 200


@dataclass(frozen=True)
class SignedIn:
    user: User
    access_token: str
    refresh_token: str
    expires_in: int = int(ACCESS_FOR.total_seconds())


class SignIn:
    def __init__(self, *, users: UserStore, hasher: Passwords, issuer: Issuer, clock: Clock, min_length: int) -> None:
        self._users = users
        self._hasher = hasher
        self._issuer = issuer
        self._clock = clock
        self._min_length = min_length

    def register(
        self, *, email: str, password: str, display_name: str | None, device: str | None, seed: str | None = None
    ) -> SignedIn:
        """Raises Invalid (address, password) and Conflict ``email_taken``."""
        address = normal_email(email)
        passwords.check(password, email=address, min_length=self._min_length)
        now = self._clock()
        user = User(f"usr_{seed}" if seed else new_id("usr"), address, self._hasher.hash(password), now, display_name)
        try:
            self._users.create(user)
        except EmailTaken as taken:
            raise Conflict(
                "There is an account with this address already; log in, or ask for a new password.",
                code="email_taken",
                fields=(Field("email", "Is registered already."),),
            ) from taken
        return self._signed_in(user, device)

    def fingerprint(self, body: bytes, key: str) -> bytes:
        """What tells a repeat of a registration from another one with the same Idempotency-Key."""
        return self._hasher.fingerprint(body, key.encode("utf-8", "surrogatepass"))

    def again(self, user_id: str, device: str | None) -> SignedIn:
        """New tokens for a registration that is repeated with its Idempotency-Key: the first ones were never stored."""
        user = self._users.get(user_id)
        if user is None or user.status is not UserStatus.ACTIVE:
            raise Unauthorized
        return self._signed_in(user, device)

    def login(self, *, email: str, password: str, device: str | None) -> SignedIn:
        """Raises Unauthorized ``wrong_credentials`` for an unknown, wrong or suspended one alike, after the same work."""
        user = self._users.by_email(normal_email(email))
        if (
            not self._hasher.verify(password, user.password_hash if user else None)
            or user is None
            or user.status is not UserStatus.ACTIVE
        ):
            raise Unauthorized("The address or the password is wrong.", code="wrong_credentials")
        if self._hasher.is_outdated(user.password_hash):
            self._users.replace_password_hash(user, self._hasher.hash(password))
        return self._signed_in(user, device)

    def _signed_in(self, user: User, device: str | None) -> SignedIn:
        now = self._clock()
        refresh = new_refresh_token()
        session = Session(
            new_id("ses"), user.id, refresh_hash(refresh), now, now + REFRESH_FOR, (device or "")[:MAX_DEVICE] or None
        )
        self._users.start_session(session)
        return SignedIn(user, self._issuer.access_token(user, session.id), refresh)

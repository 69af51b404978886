"""Register and log in: both end with a session and its two tokens."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from antiphon.identity import passwords, refresh_tokens
from antiphon.identity.attempts import Attempts
from antiphon.identity.model import ACCESS_FOR, REFRESH_FOR, Session, User, email_key, normal_email
from antiphon.identity.passwords import Passwords
from antiphon.identity.ports import Changed, EmailTaken, SessionStore, UserStore
from antiphon.identity.tokens import Issuer
from antiphon.platform.audit import AuditLog, Entry
from antiphon.platform.clock import Clock
from antiphon.platform.errors import Conflict, Field, Unauthorized
from antiphon.platform.ids import new_id
from antiphon.platform.limits import network_of

MAX_DEVICE = 200
NOBODY = "-"
"""In the audit log, where it is not known who acted; written like any other, so that the time of a login tells nothing."""


@dataclass(frozen=True)
class Device:
    """Where a request comes from: the client's own name of itself, the address as the gateway saw it, the request's id."""

    name: str | None = None
    address: str | None = None
    request_id: str | None = None

    @property
    def short_name(self) -> str | None:
        return (self.name or "")[:MAX_DEVICE] or None


def entry(user_id: str, action: str, outcome: str, device: Device, now: datetime) -> Entry:
    """What somebody did at the door, for the audit log."""
    return Entry(user_id, user_id, action, user_id, outcome, now, device.request_id, device.address)


@dataclass(frozen=True)
class SignedIn:
    """``expires_in``: seconds until the access token ends."""

    user: User
    access_token: str
    refresh_token: str
    expires_in: int = int(ACCESS_FOR.total_seconds())


class Desk:
    """Starts sessions."""

    def __init__(self, *, sessions: SessionStore, issuer: Issuer, clock: Clock) -> None:
        self._sessions = sessions
        self._issuer = issuer
        self._clock = clock

    def welcome(self, user: User, device: Device) -> SignedIn:
        """Raises Unauthorized where the user may not come in any more."""
        now = self._clock()
        refresh = refresh_tokens.new(user.id, new_id("ses"))
        session = Session(
            id=refresh.session_id,
            user_id=user.id,
            family_hash=refresh.family_hash,
            refresh_hash=refresh.hash,
            created_at=now,
            expires_at=now + REFRESH_FOR,
            used_at=now,
            device=device.short_name,
            address=device.address,
            epoch=user.session_epoch,
        )
        # Signed first: a session whose token could not be made would stay in the list without anybody having it.
        access = self._issuer.access_token(user, session.id)
        try:
            self._sessions.start_session(session)
        except Changed as changed:
            raise Unauthorized("Log in again.", code="signed_out") from changed
        return SignedIn(user, access, str(refresh))


class SignIn:
    def __init__(
        self,
        *,
        users: UserStore,
        hasher: Passwords,
        desk: Desk,
        audit: AuditLog,
        attempts: Attempts,
        clock: Clock,
        min_length: int,
    ) -> None:
        self._users = users
        self._hasher = hasher
        self._desk = desk
        self._audit = audit
        self._attempts = attempts
        self._clock = clock
        self._min_length = min_length

    def register(
        self, *, email: str, password: str, display_name: str | None, device: Device, seed: str | None = None
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
        self._note(user.id, "user.register", "created", device)
        return self._desk.welcome(user, device)

    def fingerprint(self, body: bytes, key: str) -> bytes:
        """What tells a repeat of a registration from another one with the same Idempotency-Key."""
        return self._hasher.fingerprint(body, key.encode("utf-8", "surrogatepass"))

    def again(self, user_id: str, device: Device) -> SignedIn:
        """New tokens for a registration that is repeated with its Idempotency-Key: the first ones were never stored."""
        user = self._users.get(user_id)
        if user is None or not user.active:
            raise Unauthorized
        return self._desk.welcome(user, device)

    def login(self, *, email: str, password: str, device: Device) -> SignedIn:
        """Raises Unauthorized ``wrong_credentials`` for an unknown, wrong or suspended one alike, after the same work; TooMany after many."""
        address = normal_email(email)
        tried = (email_key(address), network_of(device.address or ""))
        self._attempts.begin(*tried)
        user = self._users.by_email(address)
        verified = self._hasher.verify(password, user.password_hash if user and user.password_hash else None)
        if not verified or user is None or not user.active:
            self._note(user.id if user else NOBODY, "user.login", "wrong_credentials", device)
            raise Unauthorized("The address or the password is wrong.", code="wrong_credentials")
        self._attempts.succeeded(*tried)
        if self._hasher.is_outdated(user.password_hash):
            self._users.replace_password_hash(user, self._hasher.hash(password))
        self._note(user.id, "user.login", "signed_in", device)
        return self._desk.welcome(user, device)

    def _note(self, user_id: str, action: str, outcome: str, device: Device) -> None:
        self._audit.append(entry(user_id, action, outcome, device, self._clock()))

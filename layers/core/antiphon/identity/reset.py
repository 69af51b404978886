"""A forgotten password: ask for a link by mail, and choose a new password with it."""

from __future__ import annotations

import base64
import binascii
import hashlib
import secrets
from datetime import timedelta

from ulid import ULID

from antiphon.identity import passwords
from antiphon.identity.attempts import Attempts
from antiphon.identity.mail import Kind, Mail, Mails
from antiphon.identity.model import User, email_key, normal_email
from antiphon.identity.passwords import Passwords
from antiphon.identity.ports import UserStore
from antiphon.identity.refresh import notice
from antiphon.platform.clock import Clock
from antiphon.platform.errors import Field, Invalid

VALID_FOR = timedelta(minutes=30)
_PREFIX = "rst_"


def new_token(user_id: str) -> str:
    """The user's id, so that one read finds the row, and 256 secret bits."""
    raw = ULID.from_str(user_id.partition("_")[2]).bytes + secrets.token_bytes(32)
    return _PREFIX + base64.urlsafe_b64encode(raw).decode()


def hash_of(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def user_of(token: str) -> str | None:
    """None for what is no such token by its form."""
    try:
        raw = base64.b64decode(token.removeprefix(_PREFIX).encode("ascii"), altchars=b"-_", validate=True)
    except (UnicodeError, binascii.Error):
        return None
    return f"usr_{ULID.from_bytes(raw[:16])}" if token.startswith(_PREFIX) and len(raw) == 48 else None


class Reset:
    def __init__(
        self,
        *,
        users: UserStore,
        mails: Mails,
        hasher: Passwords,
        attempts: Attempts,
        clock: Clock,
        min_length: int,
    ) -> None:
        self._users = users
        self._mails = mails
        self._hasher = hasher
        self._attempts = attempts
        self._clock = clock
        self._min_length = min_length

    def forgot(self, email: str, request_id: str | None = None) -> None:
        """The same for a known address and an unknown one: whether there is anybody is looked up behind the queue. Raises Invalid."""
        self._mails.send(Mail(Kind.PASSWORD_RESET, email=normal_email(email)), request_id=request_id)

    def reset(self, token: str, new_password: str, request_id: str | None = None) -> User:
        """Ends all sessions, and tells the owner. Raises Invalid: ``invalid_reset_token`` or a password that cannot be used."""
        user_id = user_of(token)
        user = self._users.get(user_id) if user_id else None
        now = self._clock()
        if user is None or not user.active or not user.may_reset(hash_of(token), now):
            raise _refused()
        passwords.check(new_password, email=user.email, min_length=self._min_length, field="new_password")
        event = notice(user.id, "password_changed", user.id, now, {}, request_id)
        if not self._users.reset_password(user.id, hash_of(token), self._hasher.hash(new_password), now, event):
            raise _refused()
        self._attempts.clear(email_key(user.email))
        return user


def _refused() -> Invalid:
    detail = "The link was used already, or is too old; ask for another one."
    return Invalid(detail, code="invalid_reset_token", fields=(Field("token", detail),))

"""What administrators do with other people's accounts: find them, change tier and role, keep them out. They see no password and choose none."""

from __future__ import annotations

from dataclasses import dataclass, replace

from antiphon.identity.model import User, UserStatus, normal_email
from antiphon.identity.ports import Changed, ManagedUsers
from antiphon.platform.audit import Entry
from antiphon.platform.clock import Clock
from antiphon.platform.errors import Conflict, NotFound, Unavailable
from antiphon.platform.pages import Page

_ROUNDS = 4


@dataclass(frozen=True)
class Wish:
    """What is None stays as it is. ``status``: ``active`` or ``suspended``."""

    tier: str | None = None
    role: str | None = None
    status: UserStatus | None = None

    def applied(self, user: User) -> User:
        return replace(
            user,
            tier=self.tier or user.tier,
            role=self.role or user.role,
            status=self.status or user.status,
        )


@dataclass(frozen=True)
class By:
    """Who does it. ``address``: as the gateway saw it."""

    user_id: str
    address: str | None = None
    request_id: str | None = None


class Administer:
    def __init__(self, *, users: ManagedUsers, clock: Clock) -> None:
        self._users = users
        self._clock = clock

    def find(self, email: str | None, limit: int, position: str | None = None) -> Page[User]:
        """Newest first; with an address, whoever has it. Raises Invalid."""
        if email is None:
            return self._users.page(limit, position)
        user = self._users.by_email(normal_email(email))
        return Page((user,) if user else (), None)

    def get(self, user_id: str) -> User:
        """Raises NotFound."""
        user = self._users.get(user_id)
        if user is None:
            raise NotFound("There is no such user.")
        return user

    def change(self, by: By, user_id: str, wish: Wish) -> User:
        """The entry in the user's audit log is written with the change, or neither is. Who is suspended is signed out everywhere.

        Raises NotFound, Conflict (``own_account``, ``erasing``), Unavailable.
        """
        for _ in range(_ROUNDS):
            user = self.get(user_id)
            wanted = wish.applied(user)
            if user.status is UserStatus.ERASING:
                raise Conflict("This account is being erased.", code="erasing")
            if by.user_id == user_id and (wanted.role, wanted.status) != (user.role, user.status):
                # Else the last administrator could lock everybody out, and a stolen session the owner.
                raise Conflict("Another administrator has to do this to your account.", code="own_account")
            if wanted == user:
                return user
            if wanted.status is not user.status:
                wanted = replace(wanted, session_epoch=user.session_epoch + 1)
            try:
                self._users.administer(user, wanted, self._entry(by, user_id, _told(user, wanted)))
            except Changed:
                continue
            return self.get(user_id)
        raise Unavailable("The account changes too fast; repeat in a moment.", retry_after=1)

    def end_sessions(self, by: By, user_id: str) -> None:
        """Signed out on all devices. Raises NotFound, Unavailable."""
        for _ in range(_ROUNDS):
            user = self.get(user_id)
            ended = replace(user, session_epoch=user.session_epoch + 1)
            try:
                self._users.administer(user, ended, self._entry(by, user_id, "sessions ended"))
            except Changed:
                continue
            return
        raise Unavailable("The account changes too fast; repeat in a moment.", retry_after=1)

    def _entry(self, by: By, user_id: str, outcome: str) -> Entry:
        return Entry(user_id, by.user_id, "admin.user", user_id, outcome, self._clock(), by.request_id, by.address)


def _told(before: User, after: User) -> str:
    """``tier free to premium, status active to suspended``."""
    pairs = {name: (str(getattr(before, name)), str(getattr(after, name))) for name in ("tier", "role", "status")}
    return ", ".join(f"{name} {old} to {new}" for name, (old, new) in pairs.items() if old != new)

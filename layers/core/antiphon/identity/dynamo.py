"""Users and sessions in the table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pynamodb.attributes import JSONAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.exceptions import PutError, TransactWriteError

from antiphon.identity.model import Session, User, UserStatus, account_key, email_key
from antiphon.identity.ports import EmailTaken, Standing
from antiphon.platform.clock import from_rfc3339, rfc3339
from antiphon.platform.table import Row, Table

_CHANGED = "ConditionalCheckFailedException"
_LOST_RACE = frozenset({"ConditionalCheckFailed", "TransactionConflict"})


class UserRow(Row):
    email = UnicodeAttribute()
    password_hash = UnicodeAttribute()
    created_at = UnicodeAttribute()
    display_name = UnicodeAttribute(null=True)
    tier = UnicodeAttribute()
    role = UnicodeAttribute()
    status = UnicodeAttribute()
    preferences = JSONAttribute()


class EmailRow(Row):
    user_id = UnicodeAttribute()


class SessionRow(Row):
    refresh_hash = UnicodeAttribute()
    created_at = UnicodeAttribute()
    expires_at = UnicodeAttribute()
    device = UnicodeAttribute(null=True)


class TombstoneRow(Row):
    """That an account was erased, and what was removed with it; it does not say whose."""

    at = UnicodeAttribute()
    rows = NumberAttribute()
    objects = NumberAttribute()
    versions = NumberAttribute()


def tombstone_of(user_id: str) -> tuple[str, str]:
    return f"erased#{account_key(user_id)}", "erased"


class DynamoUsers:
    """Also what intake needs to know of users: tier and defaults."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._users = table.bind(UserRow)
        self._emails = table.bind(EmailRow)
        self._sessions = table.bind(SessionRow)
        self._tombstones = table.bind(TombstoneRow)

    def create(self, user: User) -> None:
        email = self._emails(f"email#{email_key(user.email)}", "user", row="email", user_id=user.id)
        try:
            with self._table.transaction() as transaction:
                transaction.save(email, condition=self._emails.pk.does_not_exist())
                transaction.save(self._row(user), condition=self._users.pk.does_not_exist())
        except TransactWriteError as error:
            if not _LOST_RACE.intersection(r.code for r in error.cancellation_reasons if r):
                raise
            if self._owner(user.email) != user.id:  # else our own earlier write had its answer lost
                raise EmailTaken from error

    def get(self, user_id: str) -> User | None:
        try:
            row = self._users.get(f"user#{user_id}", "profile", consistent_read=True)
        except self._users.DoesNotExist:
            return None
        return User(
            id=user_id,
            email=row.email,
            password_hash=row.password_hash,
            created_at=from_rfc3339(row.created_at),
            display_name=row.display_name,
            tier=row.tier,
            role=row.role,
            status=UserStatus(row.status),
            preferences=row.preferences,
        )

    def by_email(self, email: str) -> User | None:
        owner = self._owner(email)
        return self.get(owner) if owner else None

    def replace_password_hash(self, user: User, password_hash: str) -> None:
        rows, was = self._users, self._row(user)
        unchanged = (
            (rows.password_hash == was.password_hash)
            & (rows.email == was.email)
            & (rows.tier == was.tier)
            & (rows.role == was.role)
            & (rows.status == was.status)
            & (rows.preferences == was.preferences)
            & (
                rows.display_name.does_not_exist()
                if was.display_name is None
                else rows.display_name == was.display_name
            )
        )
        try:
            self._row(replace(user, password_hash=password_hash)).save(condition=unchanged)
        except PutError as error:
            if error.cause_response_code != _CHANGED:
                raise

    def start_session(self, session: Session) -> None:
        self._sessions(
            f"user#{session.user_id}",
            f"session#{session.id}",
            row="session",
            refresh_hash=session.refresh_hash,
            created_at=rfc3339(session.created_at),
            expires_at=rfc3339(session.expires_at),
            device=session.device,
            ttl=int(session.expires_at.timestamp()),
        ).save()

    def session(self, user_id: str, session_id: str) -> Session | None:
        try:
            row = self._sessions.get(f"user#{user_id}", f"session#{session_id}", consistent_read=True)
        except self._sessions.DoesNotExist:
            return None
        return Session(
            session_id,
            user_id,
            row.refresh_hash,
            from_rfc3339(row.created_at),
            from_rfc3339(row.expires_at),
            row.device,
        )

    def tier_of(self, user_id: str) -> str | None:
        user = self.get(user_id)
        return user.tier if user and user.status is UserStatus.ACTIVE else None

    def defaults_of(self, user_id: str) -> Mapping[str, Any]:
        user = self.get(user_id)
        return user.preferences.get("defaults", {}) if user else {}

    def standing(self, user_id: str) -> Standing:
        user = self.get(user_id)
        if user is not None:
            return "erased" if user.status is UserStatus.ERASING else "here"
        try:
            self._tombstones.get(*tombstone_of(user_id), consistent_read=True)
        except self._tombstones.DoesNotExist:
            return "unknown"
        return "erased"

    def _row(self, user: User) -> UserRow:
        return self._users(
            f"user#{user.id}",
            "profile",
            row="user",
            email=user.email,
            password_hash=user.password_hash,
            created_at=rfc3339(user.created_at),
            display_name=user.display_name,
            tier=user.tier,
            role=user.role,
            status=user.status.value,
            preferences=dict(user.preferences),
        )

    def _owner(self, email: str) -> str | None:
        try:
            return self._emails.get(f"email#{email_key(email)}", "user", consistent_read=True).user_id
        except self._emails.DoesNotExist:
            return None

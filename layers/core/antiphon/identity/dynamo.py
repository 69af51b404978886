"""Users, sessions and API keys in the table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any, cast

from pynamodb.attributes import BooleanAttribute, JSONAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.exceptions import PutError, TransactWriteError
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action
from pynamodb.transactions import TransactWrite

from antiphon.identity.model import ApiKey, Replay, Session, User, UserStatus, account_key, email_key, federated_key
from antiphon.identity.ports import Changed, EmailTaken, Standing
from antiphon.platform.audit import Entry
from antiphon.platform.audit_dynamo import AuditRow, audit_row
from antiphon.platform.clock import from_rfc3339, rfc3339
from antiphon.platform.events import Event
from antiphon.platform.outbox import EventRow, event_row
from antiphon.platform.pages import Page
from antiphon.platform.table import Row, Table, code_of, conditions_failed, update_if

_CHANGED = "ConditionalCheckFailedException"
_ALL = "users"
_KEPT_EXPIRED = 30 * 86_400
"""Seconds for which an expired key stays in the list, so that its owner sees why it is refused."""


class UserRow(Row):
    email = UnicodeAttribute()
    password_hash = UnicodeAttribute()
    created_at = UnicodeAttribute()
    display_name = UnicodeAttribute(null=True)
    tier = UnicodeAttribute()
    role = UnicodeAttribute()
    status = UnicodeAttribute()
    preferences = JSONAttribute()
    session_epoch = NumberAttribute(default=0)
    email_verified = BooleanAttribute(default=False)
    reset_hash = UnicodeAttribute(null=True)
    reset_expires_at = UnicodeAttribute(null=True)


class EmailRow(Row):
    user_id = UnicodeAttribute()


class FederatedRow(Row):
    """Twice: where it is looked for, and under its user, where an erasure finds it."""

    user_id = UnicodeAttribute()


class SessionRow(Row):
    family_hash = UnicodeAttribute()
    refresh_hash = UnicodeAttribute()
    created_at = UnicodeAttribute()
    expires_at = UnicodeAttribute()
    used_at = UnicodeAttribute()
    device = UnicodeAttribute(null=True)
    address = UnicodeAttribute(null=True)
    epoch = NumberAttribute()
    replay = JSONAttribute(null=True)


class KeyRow(Row):
    """In the list of its user; ``hash`` leads to the row by which the authorizer finds it."""

    name = UnicodeAttribute()
    prefix = UnicodeAttribute()
    hash = UnicodeAttribute()
    scopes = UnicodeAttribute()
    created_at = UnicodeAttribute()
    expires_at = UnicodeAttribute(null=True)
    budget = NumberAttribute(null=True)


class KeyRefRow(KeyRow):
    user_id = UnicodeAttribute()
    key_id = UnicodeAttribute()
    used_at = UnicodeAttribute(null=True)


class TombstoneRow(Row):
    """That an account was erased, and what was removed with it; it does not say whose."""

    at = UnicodeAttribute()
    rows = NumberAttribute()
    objects = NumberAttribute()
    versions = NumberAttribute()


def tombstone_of(user_id: str) -> tuple[str, str]:
    return f"erased#{account_key(user_id)}", "erased"


class DynamoUsers:
    """Also what intake needs to know of users: tier and defaults. All of them but those being erased are in the index, for administrators."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._users = table.bind(UserRow)
        self._emails = table.bind(EmailRow)
        self._sessions = table.bind(SessionRow)
        self._links = table.bind(FederatedRow)
        self._events = table.bind(EventRow)
        self._audit = table.bind(AuditRow)
        self._tombstones = table.bind(TombstoneRow)

    def create(self, user: User) -> None:
        email = self._emails(f"email#{email_key(user.email)}", "user", row="email", user_id=user.id)

        def rows(transaction: TransactWrite) -> None:
            transaction.save(email, condition=self._emails.pk.does_not_exist())
            transaction.save(self._row(user), condition=self._users.pk.does_not_exist())

        try:
            self._table.write(rows)
        except TransactWriteError as error:
            if not any(conditions_failed(error)):
                raise
            if self._owner(user.email) != user.id:  # else our own earlier write had its answer lost
                raise EmailTaken from error

    def get(self, user_id: str) -> User | None:
        try:
            row = self._users.get(f"user#{user_id}", "profile", consistent_read=True)
        except self._users.DoesNotExist:
            return None
        return _user(row)

    def by_email(self, email: str) -> User | None:
        # A stranger costs the same reads: the time of a login must not tell who is registered.
        return self.get(self._owner(email) or "nobody")

    def by_federated(self, issuer: str, subject: str) -> User | None:
        try:
            row = self._links.get(f"federated#{federated_key(issuer, subject)}", "user", consistent_read=True)
        except self._links.DoesNotExist:
            return None
        return self.get(row.user_id)

    def create_linked(self, user: User, issuer: str, subject: str) -> None:
        email = self._emails(f"email#{email_key(user.email)}", "user", row="email", user_id=user.id)

        def fill(transaction: TransactWrite) -> None:
            transaction.save(email, condition=self._emails.pk.does_not_exist())
            transaction.save(self._row(user), condition=self._users.pk.does_not_exist())
            self._save_link(transaction, user.id, issuer, subject)

        try:
            _write(self._table, fill, lambda: self._linked(user.id, issuer, subject))
        except Changed as changed:
            if self._owner(user.email) is not None:
                raise EmailTaken from changed
            raise

    def link(self, user: User, issuer: str, subject: str, event: Event | None = None) -> None:
        rows, unchanged = self._users, self._still(user)
        taken_over: list[Action] = [
            rows.password_hash.set(""),
            rows.session_epoch.set(user.session_epoch + 1),
            rows.email_verified.set(True),
            *self._no_reset(),
        ]

        def fill(transaction: TransactWrite) -> None:
            if event is None:
                transaction.condition_check(rows, f"user#{user.id}", "profile", condition=unchanged)
            else:
                transaction.update(self._at(user.id), taken_over, condition=unchanged)
                transaction.save(event_row(self._events, event))
            self._save_link(transaction, user.id, issuer, subject)

        _write(self._table, fill, lambda: self._linked(user.id, issuer, subject))

    def unlink(self, user_id: str) -> None:
        links = self._links
        for row in links.query(f"user#{user_id}", links.sk.startswith("federated#"), consistent_read=True):

            def fill(transaction: TransactWrite, row: FederatedRow = row) -> None:
                transaction.delete(links(row.sk, "user"))
                transaction.delete(links(row.pk, row.sk))

            self._table.write(fill)

    def page(self, limit: int, position: str | None = None) -> Page[User]:
        last = None
        if position:
            key = {"pk": f"user#{position}", "sk": "profile", "gsi1pk": _ALL, "gsi1sk": position}
            last = {name: {"S": value} for name, value in key.items()}
        found = self._users.due.query(_ALL, scan_index_forward=False, limit=limit + 1, last_evaluated_key=last)
        users = [_user(cast(UserRow, row)) for row in found]
        return Page(tuple(users[:limit]), users[limit - 1].id if len(users) > limit else None)

    def administer(self, before: User, after: User, entry: Entry) -> None:
        rows = self._users
        actions: list[Action] = [
            rows.tier.set(after.tier),
            rows.role.set(after.role),
            rows.status.set(after.status.value),
            rows.session_epoch.set(after.session_epoch),
        ]
        same = self._still(before) & (rows.tier == before.tier) & (rows.role == before.role)

        def fill(transaction: TransactWrite) -> None:
            transaction.update(self._at(before.id), actions, condition=same)
            transaction.save(audit_row(self._audit, entry))

        _write(self._table, fill, lambda: self.get(before.id) == after)

    def _save_link(self, transaction: TransactWrite, user_id: str, issuer: str, subject: str) -> None:
        key = federated_key(issuer, subject)
        row = self._links(f"federated#{key}", "user", row="federated", user_id=user_id)
        transaction.save(row, condition=self._links.pk.does_not_exist())
        transaction.save(self._links(f"user#{user_id}", f"federated#{key}", row="federated", user_id=user_id))

    def _linked(self, user_id: str, issuer: str, subject: str) -> bool:
        found = self.by_federated(issuer, subject)
        return found is not None and found.id == user_id

    def replace_password_hash(self, user: User, password_hash: str) -> None:
        rows = self._users
        same = (rows.password_hash == user.password_hash) & (rows.status == user.status.value)
        update_if(self._at(user.id), [rows.password_hash.set(password_hash)], same)

    def change_password(self, user: User, password_hash: str, session: Session | None, event: Event) -> None:
        rows, epoch = self._users, user.session_epoch + 1
        unchanged = (rows.password_hash == user.password_hash) & self._still(user)

        def fill(transaction: TransactWrite) -> None:
            now: list[Action] = [
                rows.password_hash.set(password_hash),
                rows.session_epoch.set(epoch),
                *self._no_reset(),
            ]
            transaction.update(self._at(user.id), now, condition=unchanged)
            if session:
                here = self._sessions(f"user#{user.id}", f"session#{session.id}")
                same = self._sessions.epoch == session.epoch
                transaction.update(here, [self._sessions.epoch.set(epoch)], condition=same)
            transaction.save(event_row(self._events, event))

        _write(self._table, fill, lambda: self._has_password(user.id, password_hash))

    def begin_reset(self, user_id: str, reset_hash: str, expires_at: datetime) -> bool:
        rows = self._users
        actions = [rows.reset_hash.set(reset_hash), rows.reset_expires_at.set(rfc3339(expires_at))]
        return update_if(self._at(user_id), actions, rows.status == UserStatus.ACTIVE.value)

    def reset_password(self, user_id: str, reset_hash: str, password_hash: str, now: datetime, event: Event) -> bool:
        rows = self._users
        good = (
            (rows.reset_hash == reset_hash)
            & (rows.reset_expires_at > rfc3339(now))
            & (rows.status == UserStatus.ACTIVE.value)
        )
        actions = [
            rows.password_hash.set(password_hash),
            rows.session_epoch.set((rows.session_epoch | 0) + 1),
            rows.email_verified.set(True),  # the link came by mail
            *self._no_reset(),
        ]

        def fill(transaction: TransactWrite) -> None:
            transaction.update(self._at(user_id), actions, condition=good)
            transaction.save(event_row(self._events, event))

        try:
            _write(self._table, fill, lambda: self._has_password(user_id, password_hash))
        except Changed:
            return False
        return True

    def _has_password(self, user_id: str, password_hash: str) -> bool:
        user = self.get(user_id)
        return user is not None and user.password_hash == password_hash

    def change_profile(self, user: User, *, display_name: str | None, preferences: Mapping[str, Any]) -> None:
        rows = self._users
        named = rows.display_name.remove() if display_name is None else rows.display_name.set(display_name)
        same = self._still(user) & (rows.preferences == dict(user.preferences))
        if update_if(self._at(user.id), [named, rows.preferences.set(dict(preferences))], same):
            return
        now = self.get(user.id)
        if now is None or (now.display_name, now.preferences) != (display_name, preferences):
            raise Changed

    def start_session(self, session: Session) -> None:
        users = self._users
        welcome = (users.status == UserStatus.ACTIVE.value) & _epoch_is(users.session_epoch, session.epoch)

        def fill(transaction: TransactWrite) -> None:
            transaction.condition_check(users, f"user#{session.user_id}", "profile", condition=welcome)
            transaction.save(self._session_row(session), condition=self._sessions.pk.does_not_exist())

        def ours() -> bool:
            known = self.session(session.user_id, session.id)
            return known is not None and known.refresh_hash == session.refresh_hash

        _write(self._table, fill, ours)

    def session(self, user_id: str, session_id: str) -> Session | None:
        try:
            return _session(self._sessions.get(f"user#{user_id}", f"session#{session_id}", consistent_read=True))
        except self._sessions.DoesNotExist:
            return None

    def sessions(self, user_id: str, limit: int, position: str | None = None) -> Page[Session]:
        return _page(self._sessions, user_id, "session#", limit, position, _session)

    def rotate(self, before: Session, after: Session) -> bool:
        rows = self._sessions
        try:
            self._session_row(after).save(condition=rows.refresh_hash == before.refresh_hash)
        except PutError as error:
            if code_of(error) != _CHANGED:
                raise
            known = self.session(after.user_id, after.id)
            return known is not None and known.refresh_hash == after.refresh_hash  # our own write whose answer was lost
        return True

    def end_session(self, session: Session, event: Event | None = None, entry: Entry | None = None) -> bool:
        row = self._sessions(f"user#{session.user_id}", f"session#{session.id}")
        if event is None and entry is None:
            row.delete()
            return True

        def fill(transaction: TransactWrite) -> None:
            transaction.delete(row, condition=self._sessions.pk.exists())
            if event:
                transaction.save(event_row(self._events, event))
            if entry:
                transaction.save(audit_row(self._audit, entry))

        return self._table.write_if(fill)

    def end_sessions(self, user_id: str) -> None:
        rows = self._users
        self._at(user_id).update([rows.session_epoch.set((rows.session_epoch | 0) + 1)], condition=rows.pk.exists())

    def tier_of(self, user_id: str) -> str | None:
        user = self.get(user_id)
        return user.tier if user and user.active else None

    def defaults_of(self, user_id: str) -> Mapping[str, Any]:
        user = self.get(user_id)
        return user.preferences.get("defaults", {}) if user else {}

    def _at(self, user_id: str) -> UserRow:
        return self._users(f"user#{user_id}", "profile")

    def _no_reset(self) -> list[Any]:
        return [self._users.reset_hash.remove(), self._users.reset_expires_at.remove()]

    def _still(self, user: User) -> Condition:
        return (self._users.status == user.status.value) & _epoch_is(self._users.session_epoch, user.session_epoch)

    def _session_row(self, session: Session) -> SessionRow:
        replay = session.replay and {**asdict(session.replay), "until": rfc3339(session.replay.until)}
        return self._sessions(
            f"user#{session.user_id}",
            f"session#{session.id}",
            row="session",
            family_hash=session.family_hash,
            refresh_hash=session.refresh_hash,
            created_at=rfc3339(session.created_at),
            expires_at=rfc3339(session.expires_at),
            used_at=rfc3339(session.used_at),
            device=session.device,
            address=session.address,
            epoch=session.epoch,
            replay=replay,
            ttl=int(session.expires_at.timestamp()),
        )

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
            session_epoch=user.session_epoch,
            email_verified=user.email_verified,
            gsi1pk=_ALL,
            gsi1sk=user.id,
            reset_hash=user.reset_hash,
            reset_expires_at=user.reset_expires_at and rfc3339(user.reset_expires_at),
        )

    def _owner(self, email: str) -> str | None:
        try:
            return self._emails.get(f"email#{email_key(email)}", "user", consistent_read=True).user_id
        except self._emails.DoesNotExist:
            return None


class DynamoKeys:
    def __init__(self, table: Table) -> None:
        self._table = table
        self._users = table.bind(UserRow)
        self._keys = table.bind(KeyRow)
        self._refs = table.bind(KeyRefRow)

    def create(self, key: ApiKey) -> None:
        welcome = self._users.status == UserStatus.ACTIVE.value

        def fill(transaction: TransactWrite) -> None:
            transaction.condition_check(self._users, f"user#{key.user_id}", "profile", condition=welcome)
            transaction.save(self._row(key), condition=self._keys.pk.does_not_exist())
            transaction.save(self._ref(key), condition=self._refs.pk.does_not_exist())

        _write(self._table, fill, lambda: self._has(key))

    def replace(self, before: ApiKey, after: ApiKey) -> None:
        def fill(transaction: TransactWrite) -> None:
            transaction.save(self._row(after), condition=self._keys.hash == before.hash)
            transaction.delete(self._refs(f"apikey#{before.hash}", "key"))
            transaction.save(self._ref(after), condition=self._refs.pk.does_not_exist())

        _write(self._table, fill, lambda: self._has(after))

    def _has(self, key: ApiKey) -> bool:
        known = self.get(key.user_id, key.id)
        return known is not None and known.hash == key.hash

    def get(self, user_id: str, key_id: str) -> ApiKey | None:
        try:
            return _key(self._keys.get(f"user#{user_id}", f"key#{key_id}", consistent_read=True))
        except self._keys.DoesNotExist:
            return None

    def by_hash(self, key_hash: str) -> ApiKey | None:
        try:
            return _key_of_ref(self._refs.get(f"apikey#{key_hash}", "key", consistent_read=True))
        except self._refs.DoesNotExist:
            return None

    def page(self, user_id: str, limit: int, position: str | None = None) -> Page[ApiKey]:
        page = _page(self._keys, user_id, "key#", limit, position, _key)
        used = {r.key_id: r.used_at for r in self._refs.batch_get([(f"apikey#{k.hash}", "key") for k in page.items])}
        return Page(
            tuple(replace(k, used_at=_moment(used.get(k.id))) for k in page.items),
            page.position,
        )

    def touch(self, key: ApiKey, at: datetime) -> None:
        row = self._refs(f"apikey#{key.hash}", "key")
        update_if(row, [self._refs.used_at.set(rfc3339(at))], self._refs.pk.exists())

    def delete(self, key: ApiKey) -> None:
        def fill(transaction: TransactWrite) -> None:
            transaction.delete(self._keys(f"user#{key.user_id}", f"key#{key.id}"))
            transaction.delete(self._refs(f"apikey#{key.hash}", "key"))

        self._table.write(fill)

    def _row(self, key: ApiKey) -> KeyRow:
        return self._keys(f"user#{key.user_id}", f"key#{key.id}", row="key", **_plain(key))

    def _ref(self, key: ApiKey) -> KeyRefRow:
        return self._refs(
            f"apikey#{key.hash}",
            "key",
            row="key-ref",
            user_id=key.user_id,
            key_id=key.id,
            used_at=key.used_at and rfc3339(key.used_at),
            **_plain(key),
        )


def _plain(key: ApiKey) -> dict[str, Any]:
    return {
        "name": key.name,
        "prefix": key.prefix,
        "hash": key.hash,
        "scopes": " ".join(key.scopes),
        "created_at": rfc3339(key.created_at),
        "expires_at": key.expires_at and rfc3339(key.expires_at),
        "budget": key.budget,
        "ttl": int(key.expires_at.timestamp() + _KEPT_EXPIRED) if key.expires_at else None,
    }


def _user(row: UserRow) -> User:
    return User(
        id=row.pk.removeprefix("user#"),
        email=row.email,
        password_hash=row.password_hash,
        created_at=from_rfc3339(row.created_at),
        display_name=row.display_name,
        tier=row.tier,
        role=row.role,
        status=UserStatus(row.status),
        preferences=row.preferences,
        session_epoch=int(row.session_epoch or 0),
        email_verified=bool(row.email_verified),
        reset_hash=row.reset_hash,
        reset_expires_at=_moment(row.reset_expires_at),
    )


def _moment(text: str | None) -> datetime | None:
    return from_rfc3339(text) if text else None


def _key(row: KeyRow) -> ApiKey:
    return ApiKey(
        id=row.sk.removeprefix("key#"),
        user_id=row.pk.removeprefix("user#"),
        name=row.name,
        prefix=row.prefix,
        hash=row.hash,
        scopes=tuple(row.scopes.split()),
        created_at=from_rfc3339(row.created_at),
        expires_at=_moment(row.expires_at),
        budget=None if row.budget is None else int(row.budget),
    )


def _key_of_ref(row: KeyRefRow) -> ApiKey:
    return replace(_key(row), id=row.key_id, user_id=row.user_id, used_at=_moment(row.used_at))


def _session(row: SessionRow) -> Session:
    replay = row.replay and Replay(**{**row.replay, "until": from_rfc3339(row.replay["until"])})
    return Session(
        id=row.sk.removeprefix("session#"),
        user_id=row.pk.removeprefix("user#"),
        family_hash=row.family_hash,
        refresh_hash=row.refresh_hash,
        created_at=from_rfc3339(row.created_at),
        expires_at=from_rfc3339(row.expires_at),
        used_at=from_rfc3339(row.used_at),
        device=row.device,
        address=row.address,
        epoch=int(row.epoch),
        replay=replay or None,
    )


def _page(
    rows: Any, user_id: str, prefix: str, limit: int, position: str | None, read: Callable[[Any], Any]
) -> Page[Any]:
    """One page of a user's rows of one kind, newest first. position: of the last row of the page before."""
    last = {"pk": {"S": f"user#{user_id}"}, "sk": {"S": f"{prefix}{position}"}} if position else None
    found = rows.query(
        f"user#{user_id}",
        rows.sk.startswith(prefix),
        scan_index_forward=False,
        limit=limit + 1,
        last_evaluated_key=last,
        consistent_read=True,
    )
    items = [read(row) for row in found]
    following = items[limit - 1].id if len(items) > limit else None
    return Page(tuple(items[:limit]), following)


def _epoch_is(attribute: Any, epoch: int) -> Condition:
    return attribute == epoch if epoch else (attribute == 0) | attribute.does_not_exist()


def _write(table: Table, fill: Callable[[TransactWrite], None], written: Callable[[], bool]) -> None:
    """A transaction whose failed conditions are Changed, unless it was our own earlier write whose answer was lost."""
    try:
        table.write(fill)
    except TransactWriteError as error:
        if not any(conditions_failed(error)):
            raise
        if not written():
            raise Changed from error

"""The secrets that sign: made, opened, rotated; those of an endpoint and the one of an account."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from antiphon.platform.clock import Clock
from antiphon.platform.errors import Conflict
from antiphon.platform.ids import new_id
from antiphon.webhooks.model import (
    CALLBACK,
    MAX_SECRETS,
    Keyring,
    Secret,
    hint_of,
    new_secret,
    place_of,
    rotated,
    signing,
)
from antiphon.webhooks.ports import EndpointStore, Vault

_TRIES = 5
T = TypeVar("T")


@dataclass(frozen=True)
class Secrets:
    """place, in all of its methods: see `place_of`."""

    vault: Vault
    clock: Clock

    def make(self, place: str, seed: str | None = None) -> tuple[Secret, str]:
        """A new one as it is kept, and as it is shown. seed: see `Endpoints`."""
        text, now = new_secret(), self.clock()
        return Secret(seed or new_id("req", now), self.vault.seal(text, place), hint_of(text), now), text

    def rotate(
        self, secrets: tuple[Secret, ...], place: str, seed: str | None = None, *, keep_old: bool = True
    ) -> tuple[tuple[Secret, ...], str]:
        """Those after the rotation, and the new one as it is shown; the same ones where this seed has rotated them before.

        Raises Conflict ``too_many_secrets``.
        """
        made = next((s for s in secrets if s.id == seed), None)
        if made is not None:
            return secrets, self.vault.open(made.sealed, place)
        now = self.clock()
        if keep_old and len(signing(secrets, now)) >= MAX_SECRETS:
            raise Conflict(
                f"{MAX_SECRETS} secrets sign already; each of the old ones does so for 24 hours after it was replaced.",
                code="too_many_secrets",
            )
        new, text = self.make(place, seed)
        return rotated(secrets, new, now, keep_old=keep_old), text

    def shown(self, secrets: tuple[Secret, ...], place: str, seed: str | None = None) -> str:
        """The secret of this seed, or else the newest."""
        wanted = next((s for s in secrets if s.id == seed), secrets[0])
        return self.vault.open(wanted.sealed, place)

    def texts(self, secrets: tuple[Secret, ...], place: str) -> tuple[str, ...]:
        """All that sign now, newest first."""
        return tuple(self.vault.open(s.sealed, place) for s in signing(secrets, self.clock()))


@dataclass(frozen=True)
class AccountSecret:
    """What signs the deliveries to the ``callback_url`` of a user's jobs. It is made when it is first needed."""

    store: EndpointStore
    secrets: Secrets

    def get(self, user_id: str) -> tuple[Keyring, str]:
        keyring = self._keyring(user_id)
        return keyring, self.secrets.shown(keyring.secrets, place_of(user_id, CALLBACK))

    def rotate(self, user_id: str, seed: str | None = None) -> tuple[Keyring, str]:
        """Raises Conflict."""
        place = place_of(user_id, CALLBACK)

        def attempt() -> tuple[Keyring, str] | None:
            before = self._keyring(user_id)
            secrets, text = self.secrets.rotate(before.secrets, place, seed)
            after = replace(before, secrets=secrets, version=before.version + 1)
            unchanged = secrets is before.secrets
            return (after, text) if unchanged or self.store.replace_keyring(before, after) else None

        return until_written(attempt)

    def texts(self, user_id: str) -> tuple[str, ...]:
        return self.secrets.texts(self._keyring(user_id).secrets, place_of(user_id, CALLBACK))

    def _keyring(self, user_id: str) -> Keyring:
        found = self.store.keyring(user_id)
        if found is not None:
            return found
        secret, _ = self.secrets.make(place_of(user_id, CALLBACK))
        return self.store.create_keyring(Keyring(user_id, (secret,)))


def until_written(attempt: Callable[[], T | None]) -> T:
    """Again where somebody else wrote meanwhile. Raises Conflict ``changed_meanwhile``."""
    for _ in range(_TRIES):
        done = attempt()
        if done is not None:
            return done
    raise Conflict("It was changed at the same moment; read it and try again.", code="changed_meanwhile")

"""An account and all that is its own, gone for good; see infra/decisions/0009-erasure.md.

Every step can be repeated, and what leads to other rows goes after them, so whoever comes next goes on where the last one died::

    mark ──► stop what writes ──► objects ──► rows ──► name for a second look ──► audit ──► profile and address
      └── the janitor comes again, until that is done                              └── a quarter of an hour later: what was under way
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from antiphon.identity.model import Mark, Removed, SecondLook, account_key
from antiphon.identity.ports import AccountObjects, AccountRows, SecondLooks
from antiphon.platform.audit import AuditLog, Entry
from antiphon.platform.clock import Clock
from antiphon.platform.errors import NotFound

RESUME_AFTER = timedelta(seconds=60)
"""Whoever erases has so long before the janitor takes it that he died."""
PROFILE_AND_ADDRESS = 2


@dataclass(frozen=True)
class Receipt:
    """What was removed. A pass that died is not in the count. complete: nothing of the user is left; ``at``: since when, else the moment of the answer."""

    rows: int
    objects: int
    versions: int
    complete: bool
    at: datetime


class Erase:
    """until, in all methods: the moment at which to stop; at least one step is made."""

    def __init__(
        self, *, rows: AccountRows, objects: AccountObjects, looks: SecondLooks, audit: AuditLog, clock: Clock
    ) -> None:
        self._rows = rows
        self._objects = objects
        self._looks = looks
        self._audit = audit
        self._clock = clock

    def __call__(self, user_id: str, until: datetime) -> Receipt:
        """Complete, or to be gone on with by the janitor. Gives the same receipt again for a day. Raises NotFound."""
        now = self._clock()
        mark = self._rows.mark(user_id, now, now + RESUME_AFTER)
        if mark is None:
            return self._finished(user_id)
        removed = mark.removed
        for step in self._steps(user_id, mark.email):
            removed += step
            now = self._clock()
            if now >= until:
                self._rows.pause(mark, removed, now)
                return Receipt(removed.rows, removed.objects, removed.versions, complete=False, at=now)
        self._looks.send(user_id)
        self._audit.append(
            Entry("-", "erasure", "account.erased", f"sha256:{account_key(user_id)}", "succeeded", mark.at)
        )
        self._rows.finish(mark, removed + Removed(rows=PROFILE_AND_ADDRESS), self._clock())
        return self._finished(user_id)

    def resume(self, until: datetime) -> list[Receipt]:
        """The janitor's part: erasures that were cut off. One that cannot go on does not keep the others waiting; its error is raised at the end."""
        receipts: list[Receipt] = []
        failed: Exception | None = None
        for user_id in self._rows.due(self._clock()):
            try:
                receipts.append(self(user_id, until))
            except NotFound:  # the index is a moment behind, and the trace may have expired
                continue
            except Exception as error:  # noqa: BLE001 - raised below
                failed = failed or error
            if self._clock() >= until:
                break
        if failed:
            raise failed
        return receipts

    def look_again(self, until: datetime) -> Removed:
        """The janitor's part: what was written by those who had been let in before the mark. Gives what was found and removed."""
        found = Removed()
        for look in self._looks.receive():
            removed, done = self._once_more(look, until)
            found += removed
            if not done:
                break
            self._looks.forget(look)
        return found

    def _once_more(self, look: SecondLook, until: datetime) -> tuple[Removed, bool]:
        found = Removed()
        # The address may be somebody's again: what is found by it is not touched.
        for step in self._steps(look.user_id, None):
            found += step
            if self._clock() >= until:
                return found, False
        return found, True

    def _steps(self, user_id: str, email: str | None) -> Iterator[Removed]:
        yield from self._rows.stop(user_id)
        yield from self._objects.remove(user_id)
        yield from self._rows.remove(user_id, email)

    def _finished(self, user_id: str) -> Receipt:
        done = self._rows.finished(user_id)
        if done is None:
            raise NotFound("There is no such account.")
        removed, at = done
        return Receipt(removed.rows, removed.objects, removed.versions, complete=True, at=at)


__all__ = ["Erase", "Mark", "Receipt"]

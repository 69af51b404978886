"""The same work is done once: what is the same, and for how long.

Two keys, each held by one job of the user at a time. The *request key* is known when a job is asked for: a repeat of the same request joins the job there is.
It comes from the content as far as it is known (a text, a media item, a declared SHA-256), the options, and what else the answer would show: title, metadata and
callback. The *work key* is known when a worker has the bytes: it comes from their SHA-256, the options and the engine, and finds the same work behind other names.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from antiphon.platform.clock import Clock
from antiphon.speech.metering import VOID
from antiphon.speech.model import Job, Kind
from antiphon.speech.ports import Holding, JobStore, Stale, Taken
from antiphon.speech.progress import Progress
from antiphon.work.lease import Lease, Waits

Copy = Callable[[Progress, Lease, Job], bool]
"""Makes the job a copy of one that has succeeded, and finishes it. False where that one is being deleted: the work is to be done after all."""
FOR = timedelta(hours=24)
"""How long a job is joined, from when it took the work upon itself."""
FOR_URL = timedelta(minutes=10)
"""The same for an address: what lies there may be another recording by then, and a client that repeats itself does so soon."""
ALONE = "alone"
"""The option of a job that joins nothing, and that nothing joins."""
_NO_OPTIONS = frozenset({"upload", "url", "characters", ALONE})
"""What a job keeps among its options though it changes nothing of the work."""


def text_content(text: str) -> str:
    return f"text:{hashlib.sha256(text.encode()).hexdigest()}"


def request_key(
    kind: Kind,
    content: str,
    options: Mapping[str, Any],
    *,
    title: str | None,
    metadata: Mapping[str, Any],
    callback_url: str | None,
) -> str:
    """content: what names the bytes, the same for the same."""
    return _key("request", kind.value, content, _work_of(options), title, dict(metadata), callback_url)


def work_key(job: Job, content: str, engine: str) -> str | None:
    """content: as for `request_key`, from the bytes themselves. None where the job is to be left alone."""
    if job.options.get(ALONE):
        return None
    return _key("work", job.kind.value, content, _work_of(job.options), engine)


def _work_of(options: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if name not in _NO_OPTIONS}


def _key(*parts: Any) -> str:
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


class Once:
    """At the worker, with the bytes at hand: copies what another job of the user found, waits for one that is at it, or takes the work."""

    def __init__(self, store: JobStore, engine: str, clock: Clock) -> None:
        self._store = store
        self._engine = engine
        self._clock = clock

    def copied(self, progress: Progress, lease: Lease, content: str, copy: Copy) -> bool:
        """Whether the job is done with. content: what names the bytes. Raises Waits, LeaseLost."""
        key = work_key(progress.job, content, self._engine)
        spoiled: str | None = None
        while key:
            user_id, now = progress.job.user_id, self._clock()
            holder = self._store.holder(user_id, key)
            if holder and holder.job_id == progress.job.id:
                break
            first = self._store.get(user_id, holder.kind, holder.job_id) if holder and holder.until > now else None
            try:
                if first is None or first.status in VOID or first.id == spoiled:
                    instead = holder.job_id if holder else None
                    holding = Holding(key, now + FOR, now, instead)
                    progress.advance(quiet=True, holding=holding, work_key=key, copied=False)
                    break
                if not first.terminal:
                    progress.wait(first, key)
                    raise Waits
                progress.advance(quiet=True, work_key=key, copied=True)
                if copy(progress, lease, first):
                    return True
                spoiled = first.id
            except Taken:
                continue
            except Stale:  # the other has just ended
                progress.refresh()
        return False

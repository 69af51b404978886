"""Once a minute: runs that nothing happens to are sent to the queue again. Whoever takes the message finds out what to do."""

from __future__ import annotations

from antiphon.platform.clock import Clock
from antiphon.runs.model import expect
from antiphon.runs.ports import RunQueue, RunStore, Stale


class SweepRuns:
    def __init__(self, store: RunStore, queue: RunQueue, clock: Clock) -> None:
        self._store = store
        self._queue = queue
        self._clock = clock

    def __call__(self) -> int:
        """The number of runs that were sent."""
        now, count = self._clock(), 0
        for run in self._store.due(now):
            try:
                self._store.apply(expect(run, now))
            except Stale:  # somebody has just gone on with it
                continue
            self._queue.send(run.user_id, run.id, request_id=run.request_id)
            count += 1
        return count

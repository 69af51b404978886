"""Whether what was accepted is what has ended and what is open: a job that is in neither was lost."""

from __future__ import annotations

from typing import Protocol

from antiphon.speech.model import Kind, Status
from antiphon.tally.ports import Tally

OPEN = (Status.QUEUED, Status.RUNNING)


class CountedJobs(Protocol):
    def count(self, kind: Kind, status: Status) -> int:
        """Everybody's jobs, as they were a moment ago."""


def unaccounted(tally: Tally, jobs: CountedJobs) -> int:
    """Jobs by which the counters and the jobs themselves differ, of all kinds together.

    The counters are asked before and after: what moves meanwhile lies between the two. What moved and is not counted yet makes a difference that is
    another one at the next look.
    """
    before = tally.open()
    there = {kind: sum(jobs.count(kind, status) for status in OPEN) for kind in Kind}
    after = tally.open()
    differences = 0
    for kind, number in there.items():
        least, most = sorted((before.get(kind, 0), after.get(kind, 0)))
        differences += max(least - number, number - most, 0)
    return differences

"""O-05: a job that is neither open nor ended is noticed, and one that moves while it is looked at is none."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

import pytest

from antiphon.speech.model import Kind, Status
from antiphon.tally.balance import unaccounted
from antiphon.tally.memory import MemoryTally

NOW = datetime(2026, 11, 20, tzinfo=UTC)


class Jobs:
    """then: what happens while they are counted."""

    def __init__(self, found: dict[tuple[Kind, Status], int], then: Callable[[], object] = lambda: None) -> None:
        self._found = found
        self._then = then

    def count(self, kind: Kind, status: Status) -> int:
        if kind is Kind.SPEECH and status is Status.QUEUED:
            self._then()
        return self._found.get((kind, status), 0)


@pytest.fixture
def tally() -> MemoryTally:
    tally = MemoryTally()
    tally.add("evt_1", NOW, {"speech_accepted": 3})
    tally.add("evt_2", NOW, {"edit_accepted": 1})
    tally.add("evt_3", NOW, {"edit_succeeded": 1})
    return tally


def test_what_was_accepted_is_open_or_has_ended(tally: MemoryTally) -> None:
    assert unaccounted(tally, Jobs({(Kind.SPEECH, Status.QUEUED): 2, (Kind.SPEECH, Status.RUNNING): 1})) == 0


def test_a_job_that_is_gone_and_one_that_was_never_accepted_do_not_outweigh_each_other(tally: MemoryTally) -> None:
    assert unaccounted(tally, Jobs({(Kind.SPEECH, Status.QUEUED): 2})) == 1
    assert unaccounted(tally, Jobs({(Kind.SPEECH, Status.QUEUED): 2, (Kind.EDIT, Status.RUNNING): 1})) == 2


def test_what_ends_or_begins_in_the_moment_of_the_look_is_no_difference(tally: MemoryTally) -> None:
    for name in ("speech_failed", "speech_accepted"):
        before = tally.open()[Kind.SPEECH]
        moves = partial(tally.add, f"evt_{name}", NOW, {name: 1})
        assert unaccounted(tally, Jobs({(Kind.SPEECH, Status.QUEUED): before}, moves)) == 0


def test_jobs_that_wait_for_their_upload_were_not_accepted(tally: MemoryTally) -> None:
    found = {(Kind.SPEECH, Status.RUNNING): 3, (Kind.SPEECH, Status.AWAITING_UPLOAD): 5}
    assert unaccounted(tally, Jobs(found)) == 0

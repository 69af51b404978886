"""Q-40 at its full size; the small cases stand in tests/unit/work/test_turns.py."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from antiphon.identity import tiers
from antiphon.identity.tiers import TIERS
from antiphon.speech.model import TURN, Status
from tests.unit.conftest import HeldClock
from tests.unit.work.conftest import Bench
from tests.unit.work.test_turns import MOST, Floor


def test_a_user_with_ten_thousand_jobs_keeps_nobody_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Q-40: more than a free user may have standing, so that the turns alone hold them back. Not run to the last of them."""
    bench = Bench(HeldClock())
    crowded = {**TIERS, "free": replace(TIERS["free"], concurrent_jobs=10_000)}
    monkeypatch.setattr(tiers, "TIERS", crowded)
    alone = Floor(bench)
    small = [job for number in range(10) for job in alone.add(f"usr_a{number}", 1)]
    alone.run(small)
    quiet = max(alone.began.values())
    beside = Floor(bench)
    many = beside.add("usr_big", 10_000)
    small = [job for number in range(10) for job in beside.add(f"usr_b{number}", 1)]
    beside.run(small)
    assert max(beside.began[job.id] for job in small) <= 2 * quiet + Floor.TAKES
    states = Counter((job.status, job.stage) for job in map(beside.now, many))
    ended, running = states[Status.SUCCEEDED, None], bench.store.usage("usr_big", "2026-11").running_speech
    assert ended >= 1
    assert running <= MOST
    assert states[Status.QUEUED, TURN] == 10_000 - ended - running

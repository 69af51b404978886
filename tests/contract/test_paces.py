"""T-03: the fake and the real row of a lane pass one suite."""

from __future__ import annotations

import pytest

from antiphon.speech.model import Kind
from antiphon.speech.pace import FIRST, Pace, Paces
from antiphon.speech.pace_dynamo import DynamoPaces
from antiphon.speech.pace_memory import MemoryPaces


@pytest.fixture(params=["memory", "dynamo"])
def paces(request: pytest.FixtureRequest) -> Paces:
    return MemoryPaces() if request.param == "memory" else DynamoPaces(request.getfixturevalue("table"))


def test_what_was_taken_and_what_was_learnt_do_not_touch_each_other(paces: Paces) -> None:
    assert paces.get(Kind.SPEECH, "standard") == FIRST[Kind.SPEECH]
    paces.took(Kind.SPEECH, "standard")
    first = FIRST[Kind.SPEECH]
    assert paces.get(Kind.SPEECH, "standard") == Pace(first.unit_ms, first.job_ms, taken=1)
    paces.learn(Kind.SPEECH, "standard", Pace(3.5, 700.0, 0.25, 4, taken=99))
    paces.took(Kind.SPEECH, "standard")
    assert paces.get(Kind.SPEECH, "standard") == Pace(3.5, 700.0, 0.25, 4, taken=2)
    assert paces.get(Kind.SPEECH, "priority") == FIRST[Kind.SPEECH]
    assert paces.get(Kind.TRANSCRIPTION, "standard") == FIRST[Kind.TRANSCRIPTION]

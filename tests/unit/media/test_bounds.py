"""U-13: what a recording may say of itself."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from antiphon.media.model import Limits, Probe, check
from antiphon.platform.errors import MediaError

GOOD = Probe("wav", "pcm_s16le", 60.0, 16_000, 1, 1)


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        ({"sample_rate": 3_999}, "media_out_of_bounds"),
        ({"sample_rate": 384_001}, "media_out_of_bounds"),
        ({"sample_rate": 0}, "media_out_of_bounds"),
        ({"channels": 0}, "media_out_of_bounds"),
        ({"channels": 9}, "media_out_of_bounds"),
        ({"streams": 17}, "media_out_of_bounds"),
        ({"duration": 12 * 3600 + 0.1}, "media_too_long"),
    ],
)
def test_what_lies_out_of_bounds_is_refused_with_a_sentence(bad: dict[str, Any], code: str) -> None:
    with pytest.raises(MediaError) as refused:
        check(replace(GOOD, **bad), Limits())
    assert refused.value.code == code
    assert refused.value.detail.endswith(".")


@pytest.mark.parametrize(
    "edge",
    [
        {"sample_rate": 4_000},
        {"sample_rate": 384_000},
        {"channels": 8},
        {"streams": 16},
        {"duration": 43_200.0},
        {"duration": None},
    ],
)
def test_the_bounds_themselves_are_accepted(edge: dict[str, Any]) -> None:
    check(replace(GOOD, **edge), Limits())


@pytest.mark.parametrize(
    ("seconds", "said"), [(43_200.0, "12 hours"), (3600.0, "60 minutes"), (300.0, "5 minutes"), (90.0, "90 seconds")]
)
def test_the_longest_that_is_accepted_is_said_in_a_unit_that_people_use(seconds: float, said: str) -> None:
    with pytest.raises(MediaError, match=said):
        check(replace(GOOD, duration=seconds + 1), Limits(max_duration=seconds))

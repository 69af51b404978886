"""Sound that is played while it is made."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from antiphon.media.growing import GrowingSound
from tests.unit.media.test_encode import heard, speech


@pytest.mark.parametrize("format", ["aac", "flac", "mp3", "opus"])
def test_each_block_can_be_heard_before_the_next_is_there(format: str, tmp_path: Path) -> None:
    sound = GrowingSound(format, 22_050, 24_000)
    path, seconds = tmp_path / "a", 0.0
    for _ in range(2):
        with path.open("ab") as file:
            file.write(sound.add(speech(1.5, 22_050).tobytes()))
        now, loudness = heard(path)
        assert now > seconds + 1.1
        assert loudness > 5000
        seconds = now
    with path.open("ab") as file:
        file.write(sound.end())
    assert heard(path)[0] == pytest.approx(3.0, abs=0.12)
    with av.open(str(path)) as source:
        assert source.streams.audio[0].rate == (48_000 if format == "opus" else 22_050)


@pytest.mark.parametrize("rate", [22_050, 24_000])
def test_what_has_no_head_is_at_the_rate_that_everybody_expects(rate: int) -> None:
    sound = GrowingSound("pcm", rate, 24_000)
    samples = speech(0.5, rate)
    told = b"".join(sound.add(block.tobytes()) for block in np.array_split(samples, 7)) + sound.end()
    assert len(told) / 2 == pytest.approx(12_000, abs=2)
    assert rate != 24_000 or told == samples.tobytes()


def test_a_wav_cannot_begin_before_its_length_is_known() -> None:
    with pytest.raises(ValueError, match="length"):
        GrowingSound("wav", 24_000, 24_000)

"""Up to ten hours of speech, with the memory of five minutes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from antiphon.media.encode import Encoder

MINUTES = {"wav": 600, "pcm": 120, "flac": 240, "mp3": 20, "opus": 8, "aac": 60}
"""Fewer where the codec itself takes its time."""


@pytest.mark.parametrize("format", MINUTES)
def test_memory_of_encoding_does_not_grow_with_the_text(
    format: str, tmp_path: Path, resident: Callable[[], int]
) -> None:
    minute = np.zeros(60 * 16_000, np.int16)
    path = tmp_path / "speech"
    with Encoder(format, 16_000, path) as encoder:
        for _ in range(5):
            encoder.write(minute)
        before = resident()
        for _ in range(MINUTES[format] - 5):
            encoder.write(minute)
        assert resident() - before < 20 << 20
        assert encoder.duration == MINUTES[format] * 60
    path.unlink()

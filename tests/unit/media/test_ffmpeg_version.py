"""U-12: an FFmpeg with known holes reads nothing."""

from __future__ import annotations

import av
import pytest

from antiphon.media.child import FFMPEG, check_ffmpeg


@pytest.mark.parametrize(
    "found", ["8.1.2", "n8.1.2", "8.1.3", "8.2", "9.0", "10.0.1", "8.1.2-1ubuntu1", "n8.1.2-3-gabc"]
)
def test_the_oldest_that_is_good_enough_and_newer_ones_are_taken(found: str) -> None:
    """U-12"""
    check_ffmpeg(found)


@pytest.mark.parametrize("found", ["8.1.1", "8.1", "7.1.9", "n8.0.3", "N-121000-gabc", "8", "8.1.2x", "", "git"])
def test_an_older_one_or_one_without_a_release_ends_the_process_and_says_what_to_do(found: str) -> None:
    """U-12"""
    with pytest.raises(SystemExit) as ended:
        check_ffmpeg(found)
    assert "8.1.2 or newer" in str(ended.value)
    assert repr(found) in str(ended.value)
    assert "PyAV" in str(ended.value)


def test_the_one_that_is_locked_is_good_enough() -> None:
    """U-12"""
    check_ffmpeg(av.ffmpeg_version_info)
    assert FFMPEG >= (8, 1, 2)

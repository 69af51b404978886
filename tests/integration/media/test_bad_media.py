"""U-20 to U-23 and the issue's bad input: each ends at once, with a code and a sentence, and costs the worker nothing."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from antiphon.media.decode import decode
from antiphon.media.model import Limits
from antiphon.media.probe import probe
from antiphon.platform.errors import MediaError
from tests import media_samples as samples
from tests.integration.media.conftest import samples_of

pytestmark = pytest.mark.usefixtures("nothing_left")
YEAR = 365 * 86_400
CODES = {"unsupported_media", "empty_media", "no_audio", "media_too_long", "media_out_of_bounds", "undecodable_media"}

BAD: dict[str, tuple[Callable[[Path], Path], str]] = {
    "empty": (samples.empty, "empty_media"),
    "a megabyte of zeros": (samples.zeros, "unsupported_media"),
    "random bytes": (samples.noise_bytes, "unsupported_media"),
    "a text": (samples.text, "unsupported_media"),
    "a zip": (samples.zipped, "unsupported_media"),
    "a video without sound": (lambda p: samples.video(p, sound=False), "no_audio"),
    "a wav without samples": (lambda p: samples.wav(p, seconds=0), "empty_media"),
    "a day in FLAC": (lambda p: samples.flac_of_silence(p, seconds=86_400, rate=16_000), "media_too_long"),
    "a day of which the header is silent": (
        lambda p: samples.flac_of_silence(p, seconds=86_400, rate=16_000, declared=0),
        "media_too_long",
    ),
    "a day that claims to be ten seconds": (
        lambda p: samples.flac_of_silence(p, seconds=86_400, rate=16_000, declared=160_000),
        "media_too_long",
    ),
    "a year at 1 Hz in FLAC": (lambda p: samples.flac_of_silence(p, seconds=YEAR, rate=1), "media_out_of_bounds"),
    "1 KB at 1 Hz that lasts fifty days": (
        lambda p: samples.flac_of_silence(p, seconds=50 * 86_400, rate=1),
        "media_out_of_bounds",
    ),
    "1 Hz behind a header of 16 kHz": (
        lambda p: samples.flac_of_silence(p, seconds=60, rate=16_000, frame_rate=1),
        "media_out_of_bounds",
    ),
    "a wav at 1 Hz": (lambda p: samples.wav_with_header(p, rate=1, channels=1), "media_out_of_bounds"),
    "a wav at 4 GHz": (lambda p: samples.wav_with_header(p, rate=4_000_000_000, channels=1), "undecodable_media"),
    "a wav of 64 channels": (lambda p: samples.wav_with_header(p, rate=16_000, channels=64), "media_out_of_bounds"),
    "a wav of 9 channels": (lambda p: samples.wav_with_header(p, rate=16_000, channels=9), "media_out_of_bounds"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_ends_soon_with_a_reason(name: str, tmp_path: Path, resident: Callable[[], int]) -> None:
    """U-13, U-20, U-21, U-22"""
    make, code = BAD[name]
    path = make(tmp_path / "talk.wav")
    before, began = resident(), time.monotonic()
    seen = [before]

    def read() -> None:
        with decode(path) as stream:
            for _ in stream:
                seen[0] = max(seen[0], resident())

    with pytest.raises(MediaError) as refused:
        read()
    assert refused.value.code == code
    assert refused.value.detail.endswith(".")
    assert time.monotonic() - began < 10
    assert seen[0] - before < 200 << 20
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", ["empty", "random bytes", "a video without sound", "a day in FLAC", "a wav at 1 Hz"])
def test_the_probe_refuses_it_for_the_same_reason(name: str, tmp_path: Path) -> None:
    make, code = BAD[name]
    with pytest.raises(MediaError) as refused:
        probe(make(tmp_path / "talk.wav"))
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        (Limits(max_memory=40 << 20), "media_out_of_bounds"),
        (Limits(max_cpu=1), "media_out_of_bounds"),
        (Limits(max_duration=60), "media_too_long"),
    ],
    ids=["memory", "cpu", "duration"],
)
def test_a_decoder_that_reaches_a_limit_is_stopped(limits: Limits, code: str, tmp_path: Path) -> None:
    """U-12"""
    path = samples.flac_of_silence(tmp_path / "a.flac", seconds=11.9 * 3600, rate=44_100, declared=0)
    with pytest.raises(MediaError) as refused:
        samples_of(path, limits)
    assert refused.value.code == code


def test_a_decoder_that_hangs_is_stopped_by_the_clock(tmp_path: Path) -> None:
    """U-12: it is given no processor at all, which is as good as a hang."""
    with decode(
        samples.flac_of_silence(tmp_path / "a.flac", seconds=7_200, rate=16_000), Limits(max_wall=1), start=7_000
    ) as stream:
        assert stream.duration == 7_200
        os.kill(stream.pid, signal.SIGSTOP)
        time.sleep(1.3)
        os.kill(stream.pid, signal.SIGCONT)
        with pytest.raises(MediaError) as refused:
            list(stream)
    assert refused.value.code == "media_out_of_bounds"


@pytest.mark.parametrize("extension", ["wav", "mp3", "m4a", "opus", "flac", "webm"])
def test_a_file_that_was_cut_anywhere_ends_well(extension: str, tmp_path: Path) -> None:
    """U-22, U-23: at every tenth. What can be heard is given, with a warning below a half, or there is a reason."""
    whole = samples.recording(tmp_path / f"whole.{extension}")
    for tenth in range(10):
        part = samples.truncated(tmp_path / "part", whole, tenth / 10)
        refused = ""
        try:
            with decode(part) as stream:
                heard = sum(map(len, stream)) / 16_000
                assert 0 < heard <= 3.1
                if stream.duration and heard < stream.duration / 2:
                    assert stream.truncated
                    assert stream.warnings
        except MediaError as error:
            refused = error.code
        assert refused in ("", "empty_media", "undecodable_media", "unsupported_media")


@pytest.mark.parametrize("extension", ["wav", "mp3", "flac"])
def test_less_than_half_of_the_declared_duration_is_a_warning(extension: str, tmp_path: Path) -> None:
    """U-23"""
    whole = samples.recording(tmp_path / f"whole.{extension}", seconds=10)
    with decode(samples.truncated(tmp_path / "part", whole, 0.45)) as stream:
        assert sum(map(len, stream)) > 0
        assert stream.truncated
        assert "of 10.0 seconds" in stream.warnings[0]
    with decode(samples.truncated(tmp_path / "part", whole, 0.8)) as stream:
        list(stream)
        assert not stream.truncated


def test_an_mp4_without_its_index_is_said_to_be_damaged(tmp_path: Path) -> None:
    whole = samples.recording(tmp_path / "whole.m4a")
    with pytest.raises(MediaError) as refused:
        probe(samples.truncated(tmp_path / "part", whole, 0.5))
    assert refused.value.code == "undecodable_media"


def test_two_hundred_mutated_files_end_well(tmp_path: Path, resident: Callable[[], int]) -> None:
    """U-22, U-23"""
    wholes = [
        samples.recording(tmp_path / f"whole.{e}", seconds=1)
        for e in ("wav", "mp3", "m4a", "opus", "flac", "webm", "wma", "avi")
    ]

    def outcome(seed: int) -> tuple[str, float]:
        path = samples.mutated(tmp_path / f"mutated-{seed}", wholes[seed % len(wholes)], seed)
        began = time.monotonic()
        try:
            with decode(path) as stream:
                for block in stream:
                    assert np.isfinite(block).all()
            return "decoded", time.monotonic() - began
        except MediaError as error:
            return error.code, time.monotonic() - began

    before = resident()
    with ThreadPoolExecutor(2) as two:
        ended: Iterator[tuple[str, float]] = two.map(outcome, range(200))
        outcomes = list(ended)
    assert {code for code, _ in outcomes} <= CODES | {"decoded"}
    assert sum(code == "decoded" for code, _ in outcomes) > 50
    assert max(seconds for _, seconds in outcomes) < 10
    assert resident() - before < 200 << 20


def test_after_a_bomb_the_next_recording_is_decoded(tmp_path: Path) -> None:
    with pytest.raises(MediaError):
        samples_of(samples.flac_of_silence(tmp_path / "a.flac", seconds=YEAR, rate=1))
    assert len(samples_of(samples.wav(tmp_path / "b.wav"))) == 16_000


def test_a_file_that_is_not_there_is_the_workers_error_and_not_the_users(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        decode(tmp_path / "none.wav")

"""The process around a worker: its folder, its settings, its signals, its exit status."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from antiphon.platform.errors import EngineError
from antiphon.work.process import REFUSED, UNUSABLE, Settings, own_folder, run
from tests.unit.work.conftest import LOG

ENVIRONMENT = {
    "TABLE_NAME": "antiphon",
    "AWS_REGION": "eu-central-1",
    "RESULTS_BUCKET": "results",
    "TRANSCRIPTION_QUEUE_URL": "standard-url",
    "TRANSCRIPTION_PRIORITY_QUEUE_URL": "priority-url",
    "TRANSCRIBER": "whisperx",
    "WHISPERX_MODEL_DIR": "models",
    "WHISPERX_BATCH_SIZE": "8",
    "KOKORO_MODEL_DIR": "not for us",
}


@pytest.fixture
def signals() -> Iterator[None]:
    kept = {s: signal.getsignal(s) for s in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in kept.items():
        signal.signal(number, handler)


class Stub:
    """A worker that gets signals as it runs."""

    def __init__(self, *numbers: int, refused: bool = False) -> None:
        self.refused = refused
        self.stops = 0
        self._numbers = numbers

    def stop(self) -> None:
        self.stops += 1
        if len(self._numbers) > 1:  # in the middle of the handler of the first
            os.kill(os.getpid(), self._numbers[1])

    def run(self) -> None:
        if self._numbers:
            os.kill(os.getpid(), self._numbers[0])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_the_worker_and_the_process_ends_well(signals: None, number: int) -> None:
    """Q-30"""
    worker = Stub(number)
    assert run(lambda: worker, LOG) == 0  # type: ignore[arg-type, return-value]
    assert worker.stops == 1


def test_a_second_signal_changes_nothing_even_inside_the_first(signals: None) -> None:
    """Q-31: the lock of an event is not re-entrant, so a handler that is interrupted by itself must not reach it again."""
    worker = Stub(signal.SIGTERM, signal.SIGTERM)
    assert run(lambda: worker, LOG) == 0  # type: ignore[arg-type, return-value]
    assert worker.stops == 1


def test_refused_credentials_have_a_status_of_their_own(signals: None) -> None:
    assert run(lambda: Stub(refused=True), LOG) == REFUSED  # type: ignore[arg-type, return-value]


def test_a_missing_model_is_one_line_and_status_2(signals: None, caplog: pytest.LogCaptureFixture) -> None:
    def make() -> Any:
        raise EngineError("No model in models/large-v3; unpack the weights there.", code="model_missing")

    with caplog.at_level(logging.INFO):
        assert run(make, LOG) == UNUSABLE == 2  # type: ignore[arg-type]
    (record,) = caplog.records
    assert (record.code, record.detail) == (  # type: ignore[attr-defined]
        "model_missing",
        "No model in models/large-v3; unpack the weights there.",
    )
    assert record.exc_info is None


def test_a_missing_setting_is_named_and_status_2(signals: None, caplog: pytest.LogCaptureFixture) -> None:
    env = {k: v for k, v in ENVIRONMENT.items() if k != "TRANSCRIPTION_QUEUE_URL"}
    assert run(lambda: Settings.read("TRANSCRIPTION", "TRANSCRIBER", env), LOG) == 2  # type: ignore[arg-type, return-value]
    assert caplog.records[-1].detail == "set TRANSCRIPTION_QUEUE_URL"  # type: ignore[attr-defined]


def test_settings_of_the_chosen_engine_and_of_no_other_reach_it() -> None:
    settings = Settings.read("TRANSCRIPTION", "TRANSCRIBER", ENVIRONMENT)
    assert settings.engine_settings == {"model_dir": "models", "batch_size": "8"}


def test_the_priority_lane_comes_first_and_a_lease_lasts_a_minute() -> None:
    """Q-14, Q-41"""
    settings = Settings.read("TRANSCRIPTION", "TRANSCRIBER", ENVIRONMENT)
    assert settings.queues == (("priority", "priority-url"), ("standard", "standard-url"))
    assert settings.lease == timedelta(minutes=1)
    assert settings.agent is None


def test_what_a_killed_predecessor_left_is_removed_and_what_a_living_neighbour_has_is_kept(tmp_path: Path) -> None:
    """Q-21: no temp file outlives its worker for longer than until the next start."""
    with subprocess.Popen([sys.executable, "-c", ""]) as dead:
        dead.wait()
    alive, mine = os.getppid(), os.getpid()
    for name in (str(dead.pid), str(alive), str(mine), "not-a-process"):
        (tmp_path / name / "tmp1").mkdir(parents=True)
        (tmp_path / name / "tmp1" / "recording").write_bytes(b"x")
    own = own_folder(tmp_path)
    assert own == tmp_path / str(mine)
    assert list(own.iterdir()) == []
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([str(alive), str(mine)])

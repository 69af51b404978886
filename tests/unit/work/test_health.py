"""The file that says whether a worker gets on."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import pytest

from antiphon.speech.model import Job
from antiphon.work.health import Pulse, main
from antiphon.work.inbox import Inbox
from antiphon.work.lease import Lease
from antiphon.work.memory import MemoryLane
from tests.unit.work.conftest import SOON, Bench, Running
from tests.unit.work.test_inbox import settled


class Count:
    """A pulse: ``beats``, an event that is set at the next one, and the ``threads`` that gave them."""

    def __init__(self) -> None:
        self.beats = 0
        self.threads: set[threading.Thread] = set()
        self.beat = threading.Event()

    def __call__(self) -> None:
        self.beats += 1
        self.threads.add(threading.current_thread())
        self.beat.set()


def test_a_file_touched_lately_is_healthy_and_one_touched_long_ago_is_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "folder" / "alive"
    assert main([str(file), "60"]) == 1
    assert "no worker has begun" in capsys.readouterr().out
    Pulse(file)()
    assert main([str(file), "60"]) == 0
    assert capsys.readouterr().out == ""
    long_ago = file.stat().st_mtime - 61
    os.utime(file, (long_ago, long_ago))
    assert main([str(file), "60"]) == 1
    assert "the worker hangs" in capsys.readouterr().out


def test_the_file_is_touched_once_a_second_at_most(tmp_path: Path) -> None:
    now = [100.0]
    file = tmp_path / "alive"
    pulse = Pulse(file, lambda: now[0])
    pulse()
    file.unlink()
    now[0] += 0.9
    pulse()
    assert not file.exists()
    now[0] += 0.2
    pulse()
    assert file.exists()


def test_an_idle_worker_gets_on(bench: Bench) -> None:
    pulse = Count()
    running = Running(bench, pulse=pulse)
    assert pulse.beat.wait(SOON)
    pulse.beat.clear()
    assert pulse.beat.wait(SOON)
    running.stop()


def test_a_worker_gets_on_with_each_chunk_and_not_without(bench: Bench) -> None:
    pulse, beats = Count(), []

    def script(job: Job, lease: Lease, prepared: Any) -> None:
        beats.append(pulse.beats)
        lease.check()
        beats.append(pulse.beats)
        bench.finish(job, lease)

    bench.work.script = script
    job, _ = bench.job()
    running = Running(bench, pulse=pulse)
    assert settled(lambda: bench.now(job).terminal)
    running.stop()
    assert beats[1] == beats[0] + 1
    assert pulse.threads == {running._thread}, "a thread that goes on without the work would hide that it hangs"


def test_a_worker_that_does_not_ask_its_lanes_any_more_does_not_get_on(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Inbox, "polling", property(lambda _: False))
    pulse = Count()
    running = Running(bench, pulse=pulse)
    assert settled(lambda: bench.standard.receives > 0)
    running.stop()
    assert pulse.beats == 0


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")  # it is meant
def test_an_inbox_whose_thread_died_knows_it(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(MemoryLane):
        def receive(self, wait: int) -> Any:
            raise SystemExit  # what no handler of errors catches

    bench.standard = Broken("standard", bench.clock)
    running = Running(bench)
    assert settled(lambda: not running.worker._inbox.polling)
    running.stop()

"""`make run` as a person meets it: started, killed, started twice, stopped."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from infra.local.home import LocalError, free_port, port_taken
from infra.local.process import is_ours
from infra.local.stack import ROOT, LocalStack
from tests.integration.local.conftest import SYSTEM, eventually, small_stack

SCRIPT = f"""
import sys
from pathlib import Path
from infra.local import supervisor, stack
small = [stack.Worker("transcriber", Path({str(SYSTEM / "worker.py")!r}), "TranscriberRoleArn")]
sys.exit(supervisor.main(template=Path({str(SYSTEM / "template.yaml")!r}), workers=small, laptop={{"Greeting": "hello"}}, build=Path(sys.argv[1])))
"""


class Run:
    """`make run` of the small system in a process of its own."""

    def __init__(self, home: Path, build: Path, port: int) -> None:
        self.home, self.port = home, port
        self.lines: list[str] = []
        environment = {**os.environ, "ANTIPHON_HOME": str(home), "ANTIPHON_PORT": str(port)}
        environment["PYTHONPATH"] = f"{ROOT}:{ROOT / 'layers/core'}"
        command = [sys.executable, "-c", SCRIPT, str(build)]
        self.process = subprocess.Popen(
            command, env=environment, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )

    def ready(self) -> float:
        """Wait until the URL is announced; seconds that it took."""
        began = time.monotonic()
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.strip())
            if line.startswith("Ctrl-C"):
                return time.monotonic() - began
        raise AssertionError("it ended before it was ready")

    def pids(self) -> dict[str, int]:
        return {file.stem: int(file.read_text()) for file in (self.home / "run").glob("*.pid")}

    def end(self, number: int) -> tuple[int, str]:
        self.process.send_signal(number)
        output, _ = self.process.communicate(timeout=40)
        return self.process.returncode, output


@pytest.fixture
def runs(tmp_path: Path, build: Path) -> Iterator[list[Run]]:
    started: list[Run] = []
    yield started
    for run in started:
        if run.process.poll() is None:
            run.process.terminate()
        run.process.communicate(timeout=40)


def alive(run: Run, pids: dict[str, int]) -> list[str]:
    return [name for name, pid in pids.items() if is_ours(pid, run.home / "run" / f"{name}.pid")]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_everything_and_lets_the_workers_drain(
    runs: list[Run], tmp_path: Path, build: Path, number: int
) -> None:
    run = Run(tmp_path / "home", build, free_port())
    runs.append(run)
    run.ready()
    pids = run.pids()
    assert set(pids) == {"emulator", "edge", "transcriber"}
    assert sorted(alive(run, pids)) == sorted(pids)
    eventually(lambda: "role:" in (run.home / "logs/transcriber.log").read_text())
    status, output = run.end(number)
    assert (status, output.strip()) == (0, "Stopping …")
    assert alive(run, pids) == []
    assert (run.home / "logs/transcriber.log").read_text().endswith("drained\n")
    assert [file.name for file in (run.home / "run").iterdir()] == ["lock"]


def test_the_second_start_is_fast_and_begins_where_the_first_ended(
    runs: list[Run], tmp_path: Path, build: Path
) -> None:
    port = free_port()
    first = Run(tmp_path / "home", build, port)
    runs.append(first)
    first.ready()
    headers = {"Authorization": "Bearer joe"}
    assert httpx.post(f"http://127.0.0.1:{port}/v1/kept", headers=headers, content=b"1", timeout=30).status_code == 200
    first.end(signal.SIGINT)
    second = Run(tmp_path / "home", build, port)
    runs.append(second)
    assert second.ready() < 15
    assert "Deploying …" in first.lines
    assert "Deploying …" not in second.lines
    assert f"Antiphon answers at http://127.0.0.1:{port}" in second.lines
    assert httpx.get(f"http://127.0.0.1:{port}/v1/kept", headers=headers, timeout=30).status_code == 200


def test_what_a_killed_run_left_behind_is_stopped_by_the_next(runs: list[Run], tmp_path: Path, build: Path) -> None:
    port = free_port()
    killed = Run(tmp_path / "home", build, port)
    runs.append(killed)
    killed.ready()
    pids = killed.pids()
    killed.process.kill()
    killed.process.wait()
    assert "edge" in alive(killed, pids)
    following = Run(tmp_path / "home", build, port)
    runs.append(following)
    following.ready()
    assert alive(killed, pids) == []
    assert set(following.pids().values()).isdisjoint(pids.values())
    assert "Stopped the edge that an earlier run left behind." in following.lines


def test_a_pid_file_whose_number_now_belongs_to_another_program_harms_nobody(tmp_path: Path) -> None:
    (tmp_path / "edge.pid").write_text(f"{os.getpid()}\n")
    assert not is_ours(os.getpid(), tmp_path / "edge.pid")


def test_two_homes_run_side_by_side_and_one_home_runs_once(stack: LocalStack, tmp_path: Path, build: Path) -> None:
    with small_stack(tmp_path / "home", build) as other:
        assert {other.port, other.home.account().port}.isdisjoint({stack.port, stack.home.account().port})
        for each in (stack, other):
            assert httpx.get(f"{each.url}/v1/health", timeout=30).status_code == 200
        with (
            pytest.raises(LocalError, match=r"is already running \(process \d+\)"),
            small_stack(other.home.path, build),
        ):
            pass
        # The refused one must not have stopped the running one.
        assert httpx.get(f"{other.url}/v1/health", timeout=30).status_code == 200
        assert (other.home.run / "env").exists()


def test_a_process_that_dies_is_started_again_and_that_is_said(stack: LocalStack, said: list[str]) -> None:
    for name in ("edge", "transcriber"):
        before = stack.pid(name)
        stack.kill(name)
        eventually(lambda name=name, before=before: stack.pid(name) not in (None, before))
        assert any(line.startswith(f"{name} ended (signal 9)") for line in said)
    eventually(lambda: port_taken(stack.port))


def test_a_process_that_was_stopped_stays_stopped_until_it_is_started(stack: LocalStack) -> None:
    stack.stop("transcriber")
    time.sleep(1)
    assert stack.pid("transcriber") is None
    assert not (stack.home.run / "transcriber.pid").exists()
    stack.start("transcriber")
    assert stack.pid("transcriber")


def test_a_port_in_use_is_one_line_that_says_what_to_do(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        environment = {**os.environ, "ANTIPHON_HOME": str(tmp_path), "ANTIPHON_PORT": str(port)}
        command = [sys.executable, "-m", "infra.local.supervisor"]
        ran = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=30)
    assert ran.returncode == 1
    assert ran.stderr == (
        f"antiphon: port {port} is in use: stop what uses it, or choose another: ANTIPHON_PORT={port + 1} make run\n"
    )


def test_a_disk_without_room_is_one_line_that_says_what_to_do(
    tmp_path: Path, build: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infra.local.stack.FREE_BYTES", 2**62)
    expected = r"^.* has \d+ MB left and needs \d+: free some space, or set ANTIPHON_HOME to another disk\.$"
    with (
        pytest.raises(LocalError, match=expected),
        contextlib.suppress(KeyboardInterrupt),
        small_stack(tmp_path, build),
    ):
        pass

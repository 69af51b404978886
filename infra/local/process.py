"""One supervised process: its log, its pid file, how it stops, and when it is started again."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

MARK = "ANTIPHON_PROCESS"
"""Name of the variable by which a process is recognised as started by us, and for which home."""
LOG_BYTES = 10_000_000


@dataclass(frozen=True)
class Command:
    """What to run. grace: seconds it may take to stop after SIGTERM."""

    name: str
    arguments: Sequence[str]
    environment: Mapping[str, str]
    folder: Path
    grace: float


class Process:
    """A running `command` with run/<name>.pid and logs/<name>.log; started in a session of its own, so that a Ctrl-C in
    the terminal reaches only the supervisor, which stops things in order."""

    def __init__(self, command: Command, pid_file: Path, log: Path) -> None:
        self.command = command
        self.restarts = 0
        self._pid_file = pid_file
        self.log = log
        self._running: subprocess.Popen | None = None
        self._started = 0.0

    @property
    def name(self) -> str:
        return self.command.name

    @property
    def pid(self) -> int | None:
        return self._running.pid if self._running else None

    def start(self) -> None:
        trim_log(self.log)
        environment = {**self.command.environment, MARK: mark(self._pid_file)}
        with self.log.open("ab") as log:
            self._running = subprocess.Popen(
                [str(argument) for argument in self.command.arguments],
                env=environment,
                cwd=self.command.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._started = time.monotonic()
        self._pid_file.write_text(f"{self._running.pid}\n")

    def ended(self) -> int | None:
        """The exit status when it has ended by itself, None while it runs (or was never started)."""
        return self._running.poll() if self._running else None

    def ran_for(self) -> float:
        """Seconds since the last start."""
        return time.monotonic() - self._started

    def signal(self, number: int) -> None:
        """Send a signal to the process and its children."""
        if self._running and self._running.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._running.pid, number)

    def stop(self) -> None:
        """Ask it to end, wait for its grace, then end it."""
        running, self._running = self._running, None
        if running:
            if running.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    # Only the process itself: its children are its own to end in order.
                    running.terminate()
            try:
                running.wait(self.command.grace)
            except subprocess.TimeoutExpired:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(running.pid, signal.SIGKILL)
                running.wait()
        self._pid_file.unlink(missing_ok=True)


def mark(pid_file: Path) -> str:
    return str(pid_file.resolve())


def is_ours(pid: int, pid_file: Path) -> bool:
    """Whether the process with this number is the one that wrote this pid file: numbers are used again."""
    wanted = f"{MARK}={mark(pid_file)}"
    environment = Path(f"/proc/{pid}/environ")
    try:
        if Path("/proc/self/environ").exists():
            return wanted.encode() in environment.read_bytes().split(b"\0")
        if ps := shutil.which("ps"):
            listed = subprocess.run([ps, "eww", "-o", "command=", "-p", str(pid)], capture_output=True, text=True)
            return wanted in listed.stdout
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return False
    return False


def stop_leftover(pid_file: Path, grace: float) -> bool:
    """End the process that an earlier, killed supervisor left behind; tell whether there was one."""
    try:
        pid = int(pid_file.read_text())
    except (FileNotFoundError, ValueError):
        return False
    found = is_ours(pid, pid_file)
    deadline = time.monotonic() + grace
    number = signal.SIGTERM
    while is_ours(pid, pid_file):
        if time.monotonic() > deadline:
            number = signal.SIGKILL
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
        time.sleep(0.1)
    pid_file.unlink(missing_ok=True)
    return found


def trim_log(log: Path, limit: int = LOG_BYTES) -> None:
    """Keep the last `limit` bytes as <log>.1 and begin anew; the writer appends, so it goes on at the new end."""
    if log.exists() and log.stat().st_size > limit:
        with log.open("rb") as source:
            source.seek(-limit, os.SEEK_END)
            log.with_name(f"{log.name}.1").write_bytes(source.read())
        os.truncate(log, 0)

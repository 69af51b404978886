"""A process of its own for every parser that is given bytes which a user sent.

The child (a module of ours that calls `platform.confinement`) is given the file as its standard input, already open, and before it looks at it
forbids itself to open anything more: no second file, no socket, whatever a reference inside may name. The kernel bounds its memory and
time. A crash, a bomb or an endless loop in there costs one job its file, never the worker.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import weakref
from typing import IO, Any, ClassVar

from antiphon.platform.errors import JobError

_READ_AHEAD = 1 << 20
"""Bytes in the pipe between the child and its reader: some seconds of audio are there before anybody asks."""
_CRASHES = frozenset({signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGILL, signal.SIGFPE})


class Confined:
    """One run of the child on one file, started at once. ``output``: what it writes, as a binary stream.

    Subclasses say which child, which error it reports, and code and detail of its two ways to die: ``crashed`` and ``exhausted`` (memory or time).
    Raises OSError where the file cannot be read.
    """

    child: ClassVar[str]
    error: ClassVar[type[JobError]]
    crashed: ClassVar[tuple[str, str]]
    exhausted: ClassVar[tuple[str, str]]

    def __init__(self, path: str | os.PathLike[str], *arguments: str) -> None:
        lifeline, held = os.pipe()
        try:
            with open(path, "rb") as source:
                self._process = subprocess.Popen(
                    [sys.executable, "-P", "-m", self.child, str(lifeline), *arguments],
                    stdin=source,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    pass_fds=(lifeline,),
                    pipesize=_READ_AHEAD,
                    cwd="/",
                    env=_environment(),
                    # A group to kill as a whole; and a signal to the worker's group lets it drain with its child alive.
                    start_new_session=True,
                )
        except BaseException:
            os.close(held)
            raise
        finally:
            os.close(lifeline)
        assert self._process.stdout is not None
        self.output: IO[bytes] = self._process.stdout
        self._end = weakref.finalize(self, _end, self._process, held)

    @property
    def pid(self) -> int:
        return self._process.pid

    def report(self) -> dict[str, Any]:
        """What the child said at its end; call it when ``output`` has ended. Raises ``error``: the child's own, or for how it died."""
        assert self._process.stderr is not None
        said = self._process.stderr.read()
        status = self._process.wait()
        self.close()
        if status < 0:
            code, detail = self.crashed if -status in _CRASHES else self.exhausted
            raise self.error(detail, code=code)
        last = said.strip().rpartition(b"\n")[2]
        if not last.startswith(b"{"):
            raise RuntimeError(f"{self.child} exited with {status}: {said.decode(errors='replace')[-2000:]}")
        report: dict[str, Any] = json.loads(last)
        if "code" in report:
            raise self.error(report["detail"], code=report["code"])
        return report

    def close(self) -> None:
        """Kill the group and reap it. Safe to repeat."""
        self._end()


def _environment() -> dict[str, str]:
    """Nothing of ours but where this process found its packages and, as Lambda needs it to start a Python at all, its libraries."""
    found = {"PYTHONPATH": os.pathsep.join(p for p in map(os.path.abspath, sys.path) if os.path.exists(p))}
    libraries = os.environ.get("LD_LIBRARY_PATH")
    return found | ({"LD_LIBRARY_PATH": libraries} if libraries else {})


def _end(process: subprocess.Popen[bytes], lifeline: int) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    os.close(lifeline)
    for stream in (process.stdout, process.stderr):
        assert stream is not None
        stream.close()

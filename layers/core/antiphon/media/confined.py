"""A process of its own for every use of the decoder on bytes that a user sent.

The child (``antiphon.media.child``) is given the file as its standard input, already open, and before it looks at it forbids itself to
open anything more: no second file, no socket, whatever a playlist or a reference inside may name. The kernel bounds its memory and
time. A crash, a bomb or an endless loop in there costs one job its recording, never the worker.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import weakref
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from antiphon.media.model import Limits, Probe
from antiphon.platform.errors import MediaError

_READ_AHEAD = 1 << 20
"""Bytes in the pipe between the child and its reader: some seconds of audio are there before anybody asks."""
_CRASHES = frozenset({signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGILL, signal.SIGFPE})


class Confined:
    """One run of the child on one file, started at once. ``output``: what it writes, as a binary stream.

    task: ``probe`` or ``decode``. Raises MediaError (``empty_media``) for an empty file, OSError where it cannot be read.
    """

    def __init__(self, task: str, path: str | os.PathLike[str], limits: Limits, *arguments: str) -> None:
        if Path(path).stat().st_size == 0:
            raise MediaError("The file is empty.", code="empty_media")
        lifeline, held = os.pipe()
        try:
            with open(path, "rb") as source:
                self._process = subprocess.Popen(
                    [
                        sys.executable,
                        "-P",
                        "-m",
                        "antiphon.media.child",
                        task,
                        str(lifeline),
                        json.dumps(asdict(limits)),
                        *arguments,
                    ],
                    stdin=source,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    pass_fds=(lifeline,),
                    pipesize=_READ_AHEAD,
                    cwd="/",
                    # The path of this process, so that the child finds the very same packages however they were put there.
                    env={"PYTHONPATH": os.pathsep.join(p for p in map(os.path.abspath, sys.path) if os.path.exists(p))},
                    # A group to kill as a whole; and a signal to the worker's group lets it drain with its decoder alive.
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

    def probe(self) -> Probe:
        """What the file says of itself: the first line of ``output``. Raises MediaError."""
        line = self.output.readline()
        if not line.endswith(b"\n"):
            self.report()
            raise RuntimeError("The decoder ended without a word")
        return Probe(**json.loads(line))

    def report(self) -> dict[str, Any]:
        """What the child said at its end; call it when ``output`` has ended. Raises MediaError: the child's own, or for how it died."""
        assert self._process.stderr is not None
        said = self._process.stderr.read()
        status = self._process.wait()
        self.close()
        if status < 0:
            raise _death(-status)
        last = said.strip().rpartition(b"\n")[2]
        if not last.startswith(b"{"):
            raise RuntimeError(f"The decoder exited with {status}: {said.decode(errors='replace')[-2000:]}")
        report: dict[str, Any] = json.loads(last)
        if "code" in report:
            raise MediaError(report["detail"], code=report["code"])
        return report

    def close(self) -> None:
        """Kill the group and reap it. Safe to repeat."""
        self._end()


def _death(number: int) -> MediaError:
    if number in _CRASHES:
        return MediaError("The file is damaged in a way that stops the decoder.", code="undecodable_media")
    return MediaError("Reading the file would take more memory or time than is allowed.", code="media_out_of_bounds")


def _end(process: subprocess.Popen[bytes], lifeline: int) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    os.close(lifeline)
    for stream in (process.stdout, process.stderr):
        assert stream is not None
        stream.close()

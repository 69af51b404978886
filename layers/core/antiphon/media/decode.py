"""Recordings as samples, read in a process of their own that is held to limits."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from antiphon.media.limits import Limits
from antiphon.platform.errors import MediaError

if TYPE_CHECKING:
    import numpy as np

SAMPLE_RATE = 16_000
BYTES = 2 * SAMPLE_RATE
"""Of one second as the child writes it."""
SHORT = 0.5
"""A recording of which less than this part could be read is said to be damaged."""
STARTED = 4_096
"""Bytes of the child's first line, at most."""


@dataclass(frozen=True)
class Probe:
    """What the headers say: seconds, Hz, bits per second; ``duration`` may be missing and may lie."""

    container: str
    codec: str
    duration: float | None
    sample_rate: int
    channels: int
    streams: int
    bit_rate: int | None


class Recording:
    """Blocks of float32, mono, 16 kHz, of about a second each, from where it was asked to start; to be read once.

    ``decoded``: seconds from the beginning of the recording up to what was read last. ``warnings``: complete after the last block.
    Iterating raises MediaError.
    """

    def __init__(self, process: subprocess.Popen[bytes], start: float, limits: Limits) -> None:
        self._process = process
        self._limits = limits
        self._stopped = threading.Event()
        self._late = threading.Timer(limits.wall, self._stop_late)
        self._late.daemon = True
        self.decoded = start
        self.warnings: tuple[str, ...] = ()
        self.probe = self._first_line()
        self._late.start()

    @property
    def duration(self) -> float | None:
        return self.probe.duration

    def __iter__(self) -> Iterator[np.ndarray]:
        import numpy as np

        stdout = self._process.stdout
        assert stdout is not None  # opened with a pipe
        while True:
            data = stdout.read(BYTES)
            if not data:
                break
            block = np.frombuffer(data[: len(data) // 2 * 2], "<i2").astype(np.float32) / 32768.0
            self.decoded += len(block) / SAMPLE_RATE
            yield block
        self._end()

    def close(self) -> None:
        """Ends the child, whatever it does. Safe to repeat."""
        self._late.cancel()
        if self._process.poll() is None:
            _kill(self._process)
        self._process.wait()
        for pipe in (self._process.stdout, self._process.stderr):
            if pipe:
                pipe.close()

    def _first_line(self) -> Probe:
        stdout = self._process.stdout
        assert stdout is not None  # opened with a pipe
        timer = threading.Timer(self._limits.probe_wall, self._stop_late)
        timer.start()
        try:
            line = stdout.readline(STARTED)
        finally:
            timer.cancel()
        if not line.endswith(b"\n"):
            self._process.wait()
            raise self._refusal()
        return Probe(**json.loads(line))

    def _end(self) -> None:
        if self._process.wait() != 0:
            raise self._refusal()
        claimed = self.probe.duration
        if claimed and self.decoded < SHORT * claimed:
            self.warnings += (
                f"Only {self.decoded:.1f} of {claimed:.1f} seconds could be read: the file is damaged or was cut off.",
            )

    def _refusal(self) -> MediaError:
        """What the child said; or, where the system stopped it, that it went beyond its limits."""
        stderr = self._process.stderr
        assert stderr is not None  # opened with a pipe
        said = stderr.read(STARTED).strip().splitlines()
        if self._process.returncode == 3 and said:
            found = json.loads(said[-1])
            return MediaError(found["detail"], code=found["code"])
        if self._stopped.is_set() or self._process.returncode in (-signal.SIGXCPU, -signal.SIGKILL):
            return MediaError(
                "Reading the file takes far more time or memory than any recording needs.", code="media_out_of_bounds"
            )
        return MediaError("The file is damaged in a way that cannot be read.", code="undecodable_media")

    def _stop_late(self) -> None:
        self._stopped.set()
        _kill(self._process)


@contextmanager
def decode(path: Path, limits: Limits = Limits(), *, start: float = 0.0) -> Iterator[Recording]:
    """The recording at path from ``start`` seconds on, to the sample. The child works ahead as far as the pipe holds.

    Raises MediaError: ``unsupported_media no_audio empty_media undecodable_media media_too_long media_out_of_bounds``.
    """
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        # A neutral name in a folder of its own: no extension for FFmpeg to believe, no neighbour to reach.
        neutral = Path(folder) / "input"
        os.link(path, neutral)
        process = subprocess.Popen(
            [
                sys.executable,
                "-I",
                str(Path(__file__).with_name("child.py")),
                "input",
                repr(start),
                json.dumps(asdict(limits)),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=folder,
            env=_environment(),
            start_new_session=True,
        )
        recording: Recording | None = None
        try:
            recording = Recording(process, start, limits)
            yield recording
        finally:
            if recording:
                recording.close()
            else:
                _kill(process)
                process.communicate()


def probe(path: Path, limits: Limits = Limits()) -> Probe:
    """What the recording is. Raises MediaError."""
    with decode(path, limits) as recording:
        return recording.probe


def _environment() -> dict[str, str]:
    """Nothing of ours: no credentials, no proxies."""
    return {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "OPENBLAS_NUM_THREADS": "1"}


def _kill(process: subprocess.Popen[Any]) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return

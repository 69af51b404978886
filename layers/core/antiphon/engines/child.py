"""A native engine in a process of its own.

Why: pocketsphinx keeps the GIL for the whole of an utterance (measured: a thread that should tick every 10 ms stood still for 11 s
while ``process_raw`` worked on 40 s of audio), and the worker's heartbeat must tick meanwhile. Both pocketsphinx and espeak-ng are C
that may crash on input nobody has tried; a crash must cost one job an attempt, never the worker. And both keep state from one call
to the next that changes the outcome, so that a resumed job would differ from an unbroken one: each question is answered by a fork
of the child, in which nothing was ever asked before (some milliseconds; the model is shared memory).

One child per engine, started at the first question, killed by the kernel when the parent goes. Questions and answers are frames:
two little-endian uint32 (lengths), JSON, raw bytes.
"""

from __future__ import annotations

import fcntl
import json
import os
import select
import signal
import struct
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable
from typing import IO, Any, TypeVar

from antiphon.platform.errors import EngineError

_LENGTHS = struct.Struct("<II")
_BOOT = "import runpy, sys; sys.path[:] = sys.argv[3:]; runpy.run_module(sys.argv[1], run_name='__main__')"

Loaded = TypeVar("Loaded")
Answer = tuple[dict[str, Any], bytes]


def write_frame(to: IO[bytes], head: dict[str, Any], body: bytes = b"") -> None:
    text = json.dumps(head).encode()
    to.write(_LENGTHS.pack(len(text), len(body)) + text + body)
    to.flush()


def read_frame(read: Callable[[int], bytes]) -> Answer | None:
    """None at the end of the stream, also when it ends within a frame."""
    lengths = read(_LENGTHS.size)
    if len(lengths) < _LENGTHS.size:
        return None
    head_size, body_size = _LENGTHS.unpack(lengths)
    head, body = read(head_size), read(body_size)
    return (json.loads(head), body) if len(head) == head_size and len(body) == body_size else None


class Child:
    """Asks a module that calls ``serve``; one question at a time, from any thread.

    program: the module, e.g. ``antiphon.engines.pocketsphinx_child``. patience: seconds an answer may take.
    """

    def __init__(self, program: str, *, patience: float = 600.0) -> None:
        self._program, self._patience = program, patience
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._end: Callable[[], object] = int

    @property
    def pid(self) -> int | None:
        """Of the running child, None before the first question and after a crash."""
        process = self._process
        return process.pid if process and process.poll() is None else None

    def ask(self, head: dict[str, Any], body: bytes = b"") -> Answer:
        """The child's answer. Raises EngineError: with the child's own code and sentence, or retryable when it crashed or hung."""
        with self._lock:
            if self.pid is None:
                self._start()
            process = self._process
            assert process is not None
            assert process.stdin is not None
            try:
                write_frame(process.stdin, head, body)
                answer = read_frame(self._reader(process))
            except BrokenPipeError:
                answer = None
            if answer is None:
                raise EngineError(self._stop(process), retryable=True)
        if "error" in answer[0]:
            raise EngineError(answer[0]["error"], code=answer[0]["code"])
        return answer

    def close(self) -> None:
        """End the child; the next question starts a new one."""
        with self._lock:
            if self._process:
                self._stop(self._process)

    def _start(self) -> None:
        if self._process:
            self._stop(self._process)
        lifeline, held = os.pipe()
        try:
            # The path of this process is handed over, so that the child finds the very same packages however they were put there.
            process = subprocess.Popen(
                [sys.executable, "-P", "-c", _BOOT, self._program, str(lifeline), *(p for p in sys.path if p)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                pass_fds=(lifeline,),
                # Ctrl-C and a group's SIGTERM are for the worker, which still wants the answer of the chunk that it is draining.
                start_new_session=True,
            )
        finally:
            os.close(lifeline)
        self._process = process
        self._end = weakref.finalize(self, _end, process, held)

    def _reader(self, process: subprocess.Popen[bytes]) -> Callable[[int], bytes]:
        assert process.stdout is not None
        source, until = process.stdout.fileno(), time.monotonic() + self._patience

        def read(size: int) -> bytes:
            parts, missing = [], size
            while missing:
                ready, _, _ = select.select([source], [], [], max(0.0, until - time.monotonic()))
                part = os.read(source, missing) if ready else b""
                if not part:
                    break
                parts.append(part)
                missing -= len(part)
            return b"".join(parts)

        return read

    def _stop(self, process: subprocess.Popen[bytes]) -> str:
        """End and reap the child, and say how it ended."""
        try:
            # A child that is about to die by itself gets the moment it needs, so that the sentence names its own signal.
            process.wait(timeout=0.2)
            how = (
                f"ended by signal {-process.returncode}"
                if process.returncode < 0
                else f"exited with {process.returncode}"
            )
        except subprocess.TimeoutExpired:
            how = f"gave no answer within {self._patience:g} s"
        self._end()
        self._process = None
        return f"The speech engine ({self._program.rpartition('.')[2]}) {how}"


def _end(process: subprocess.Popen[bytes], lifeline: int) -> None:
    """Kill, reap and let go of everything; also called when the ``Child`` is garbage, and at the end of the program."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    os.close(lifeline)
    for stream in (process.stdin, process.stdout):
        assert stream is not None
        try:
            stream.close()
        except BrokenPipeError:
            continue  # what was still buffered for the dead child has no reader any more


def serve(load: Callable[[], Loaded], answer: Callable[[Loaded, dict[str, Any], bytes], Answer]) -> None:
    """The child's side: load at the first question, then answer each in a fork until the parent closes the pipe.

    EngineErrors travel to the parent. A fork that crashes takes this process with it, in the same way.
    """
    _die_with_the_parent(int(sys.argv[2]))
    # Python would raise BrokenPipeError and write a traceback about it; there is nobody left to answer.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    # The engine's C code may print; only frames may reach the parent, so stdout becomes stderr for everybody else.
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    loaded: Loaded | None = None
    while (frame := read_frame(sys.stdin.buffer.read)) is not None:
        try:
            loaded = loaded or load()
        except EngineError as error:
            write_frame(out, {"error": error.detail, "code": error.code})
            continue
        answerer = os.fork()
        if answerer == 0:
            try:
                head, body = answer(loaded, *frame)
            except EngineError as error:
                head, body = {"error": error.detail, "code": error.code}, b""
            write_frame(out, head, body)
            os._exit(0)
        status = os.waitstatus_to_exitcode(os.waitpid(answerer, 0)[1])
        if status < 0:
            os.kill(os.getpid(), -status)
        if status:
            sys.exit(status)


def _die_with_the_parent(lifeline: int) -> None:
    """The parent holds the other end of this pipe. When it dies, however, the kernel sends SIGIO to this session, and its default
    ends everyone in it at once, even inside C code that holds the GIL. (PR_SET_PDEATHSIG would fire when the *thread* that started
    us ends.)"""
    fcntl.fcntl(lifeline, fcntl.F_SETOWN, -os.getpgrp())
    fcntl.fcntl(lifeline, fcntl.F_SETFL, fcntl.fcntl(lifeline, fcntl.F_GETFL) | os.O_ASYNC)
    if select.select([lifeline], [], [], 0)[0]:
        sys.exit(0)  # it died before we listened

"""How a child confines itself before it looks at what a user sent (U-12). See platform/confined.py for the other side."""

from __future__ import annotations

import fcntl
import os
import resource
import select
import signal
import sys
from typing import Protocol


class Bounds(Protocol):
    """``max_memory``: bytes of address space; ``max_cpu``: seconds that it may compute in all; ``max_wall``: seconds until `watch` is called again."""

    @property
    def max_memory(self) -> int: ...

    @property
    def max_cpu(self) -> int: ...

    @property
    def max_wall(self) -> int: ...


def die_with_the_parent(lifeline: int) -> None:
    """The parent holds the other end of this pipe. When it dies, however, the kernel sends SIGIO to this group, whose default ends it at
    once, also inside C code. (PR_SET_PDEATHSIG would fire when the *thread* that started us ends.)"""
    fcntl.fcntl(lifeline, fcntl.F_SETOWN, -os.getpgrp())
    fcntl.fcntl(lifeline, fcntl.F_SETFL, fcntl.fcntl(lifeline, fcntl.F_GETFL) | os.O_ASYNC)
    if select.select([lifeline], [], [], 0)[0]:
        sys.exit(0)  # it died before we listened


def confine(bounds: Bounds) -> None:
    """From here on the kernel refuses to open or connect to anything, to write a file, and to use more than the bounds (U-12)."""
    for which, value in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_AS, bounds.max_memory),
        (resource.RLIMIT_CPU, bounds.max_cpu),
        (resource.RLIMIT_NOFILE, 0),
    ):
        resource.setrlimit(which, (value, value))
    watch(bounds)


def watch(bounds: Bounds) -> None:
    """The default of SIGALRM ends the process, also inside C code."""
    signal.alarm(bounds.max_wall)

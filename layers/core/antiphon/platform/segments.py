"""What is done for a job, as a part of the trace of the call in which it is done: found in X-Ray by ``annotation.job_id``.

Lambda runs X-Ray's daemon beside each function and takes documents for it over UDP. Nothing but a job's id, two times and whether it failed
is written: no id of a user and no text. Where nothing is traced (a laptop, a worker on ECS, a call that is not sampled), nothing is sent.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from antiphon.platform.ids import is_id
from antiphon.platform.trace import trace_of

JOBS = ("job", "doc", "run")
"""Prefixes of what queues call a job."""
_PARENT = re.compile(r"(?:^|;)\s*Parent=([0-9a-f]{16})\s*(?:;|$)")
_SAMPLED = re.compile(r"(?:^|;)\s*Sampled=1\s*(?:;|$)")
_DAEMON = re.compile(r"(?:^|\s)(?:udp:)?([^:\s]+):(\d+)(?:\s|$)")
_FORMAT = b'{"format": "json", "version": 1}\n'


@dataclass
class Part:
    """job_id: None as long as it is not known."""

    job_id: str | None = None


@contextmanager
def part_of_trace(name: str, job_id: str | None = None) -> Iterator[Part]:
    """What happens inside is this part, which has failed if it raises."""
    part, started = Part(job_id), time.time()
    try:
        yield part
    except Exception:
        tell(name, part.job_id, started, fault=True)
        raise
    tell(name, part.job_id, started)


def job_of(*ids: object) -> str | None:
    """The first of these that is the id of a job."""
    return next((each for each in ids if isinstance(each, str) and any(is_id(each, kind) for kind in JOBS)), None)


def tell(
    name: str,
    job_id: str | None,
    started: float,
    *,
    fault: bool = False,
    header: str = "",
    environment: Mapping[str, str] | None = None,
) -> None:
    """Never raises, and waits for nobody: a trace that is lost must cost no job. started: seconds since 1970. header: of the request, for a
    function whose process Lambda does not tell the trace."""
    # Lambda writes the trace of each call into the environment, so no wiring could read it in time.
    env = os.environ if environment is None else environment
    traced = env.get("_X_AMZN_TRACE_ID") or header
    root, parent, daemon = trace_of(traced), _PARENT.search(traced), _daemon(env)
    if job_of(job_id) is None or root is None or parent is None or daemon is None or not _SAMPLED.search(traced):
        return
    document = {
        "name": name,
        "id": secrets.token_hex(8),
        "trace_id": root,
        "parent_id": parent[1],
        "type": "subsegment",
        "start_time": started,
        "end_time": time.time(),
        "annotations": {"job_id": job_id},
        **({"fault": True} if fault else {}),
    }
    with suppress(OSError, OverflowError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(_FORMAT + json.dumps(document).encode(), daemon)


def _daemon(environment: Mapping[str, str]) -> tuple[str, int] | None:
    """Of ``host:port``, or of ``tcp:host:port udp:host:port``, where the two differ."""
    found = _DAEMON.search(environment.get("AWS_XRAY_DAEMON_ADDRESS", ""))
    return (found[1], int(found[2])) if found else None

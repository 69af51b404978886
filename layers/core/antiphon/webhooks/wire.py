"""Connections that end at a deadline, whatever the other side does, and that go to vetted addresses only.

An HTTP client's time-outs begin anew with every byte, so a receiver that drips holds it for hours. Here every operation of the socket gets what is
left of one deadline, and no more than a budget of bytes is ever read.
"""

from __future__ import annotations

import queue
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

import httpcore

from antiphon.webhooks.guard import Guard, Resolver, Target


class Deadline:
    """seconds: for everything together; monotonic: a clock that only grows, in seconds."""

    def __init__(self, seconds: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._end = monotonic() + seconds

    def left(self) -> float:
        """Seconds, above zero. Raises TimeoutError once there are none."""
        left = self._end - self._monotonic()
        if left <= 0:
            raise TimeoutError
        return left


class BudgetSpent(Exception):
    """The other side sent more than we read."""


def system_resolver(host: str, port: int) -> list[str]:
    return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


def resolve_until(deadline: Deadline, resolve: Resolver) -> Resolver:
    """The same resolver, given up at the deadline: the system's has no time-out, so it runs beside us and may be left behind."""

    def bounded(host: str, port: int) -> list[str]:
        answers: queue.SimpleQueue[tuple[list[str], OSError | None]] = queue.SimpleQueue()

        def ask() -> None:
            try:
                answers.put((list(resolve(host, port)), None))
            except OSError as error:
                answers.put(([], error))
            except UnicodeError as error:
                answers.put(([], OSError(str(error))))

        threading.Thread(target=ask, daemon=True, name="resolve").start()
        try:
            addresses, failed = answers.get(timeout=deadline.left())
        except queue.Empty:
            raise TimeoutError from None
        if failed:
            raise failed
        return addresses

    return bounded


class BoundedStream(httpcore.NetworkStream):
    def __init__(self, sock: socket.socket, deadline: Deadline, budget: int) -> None:
        self._sock = sock
        self._deadline = deadline
        self._budget = budget

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        if self._budget <= 0:
            raise BudgetSpent
        self._sock.settimeout(self._deadline.left())
        data = self._sock.recv(min(max_bytes, self._budget))
        self._budget -= len(data)
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        rest = memoryview(buffer)
        while rest:
            self._sock.settimeout(self._deadline.left())
            try:
                rest = rest[self._sock.send(rest) :]
            except TimeoutError:
                raise
            except OSError as error:
                # httpcore goes on to read after this one: a receiver may answer before it has read all and close.
                raise httpcore.WriteError from error

    def close(self) -> None:
        self._sock.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> BoundedStream:
        self._sock.settimeout(self._deadline.left())
        return BoundedStream(
            ssl_context.wrap_socket(self._sock, server_hostname=server_hostname), self._deadline, self._budget
        )

    def get_extra_info(self, info: str) -> Any:
        return None


class VettedBackend(httpcore.NetworkBackend):
    """Opens the connection to one target. Raises Blocked, OSError (TimeoutError at the deadline)."""

    def __init__(self, target: Target, guard: Guard, resolve: Resolver, deadline: Deadline, budget: int) -> None:
        self._target = target
        self._guard = guard
        self._resolve = resolve
        self._deadline = deadline
        self._budget = budget
        self.connected = False

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> BoundedStream:
        addresses = self._guard.vet(self._target, resolve_until(self._deadline, self._resolve))
        failed: OSError | None = None
        for waiting, address in zip(range(len(addresses), 0, -1), addresses, strict=True):
            # Each address gets its share of the time left, so that a dead first one leaves some for the next.
            share = self._deadline.left() / waiting
            try:
                sock = socket.create_connection((str(address), self._target.port), timeout=share)
            except OSError as error:
                failed = error
                continue
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.connected = True
            return BoundedStream(sock, self._deadline, self._budget)
        raise failed or OSError("no address to connect to")

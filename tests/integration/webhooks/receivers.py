"""Receivers of webhooks on loopback, good and bad: real servers on free ports."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Got:
    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    at: float

    def all(self, name: str) -> list[str]:
        return [v for k, v in self.headers if k.lower() == name]


@dataclass
class Receiver:
    """``got``: every request that was read to its end; ``url``: where it listens."""

    url: str
    got: list[Got] = field(default_factory=list)
    leaving: threading.Event = field(default_factory=threading.Event)


Behaviour = Callable[[BaseHTTPRequestHandler, Receiver], None]


@contextlib.contextmanager
def receiver(behave: Behaviour) -> Iterator[Receiver]:
    """A server that reads each POST or GET, notes it and then does as told."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            place.got.append(Got(self.command, self.path, tuple(self.headers.items()), body, time.time()))
            with contextlib.suppress(ConnectionError):
                behave(self, place)
            self.close_connection = True

        do_GET = do_POST  # noqa: N815 - the name that http.server looks for

        def log_message(self, format: str, *args: object) -> None:
            """The test's output stays readable."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.block_on_close = False
    place = Receiver(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield place
    finally:
        place.leaving.set()
        server.shutdown()
        thread.join()
        server.server_close()


def answers(*statuses: int, body: bytes = b"ok", headers: dict[str, str] | None = None) -> Behaviour:
    """These status codes in turn, the last one from then on."""
    left = list(statuses)

    def behave(handler: BaseHTTPRequestHandler, place: Receiver) -> None:
        handler.send_response(left.pop(0) if len(left) > 1 else left[0])
        for name, value in (headers or {}).items():
            handler.send_header(name, value)
        handler.send_header("content-length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return behave


def hangs(handler: BaseHTTPRequestHandler, place: Receiver) -> None:
    """Never answers."""
    place.leaving.wait()


def drips_headers(handler: BaseHTTPRequestHandler, place: Receiver) -> None:
    """A byte of a header every tenth of a second, for ever."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nx-slow: ")
    while not place.leaving.wait(0.1):
        handler.wfile.write(b"a")


def drips_body(handler: BaseHTTPRequestHandler, place: Receiver) -> None:
    """The status at once, then a byte every tenth of a second, for ever."""
    handler.send_response(200)
    handler.end_headers()
    while not place.leaving.wait(0.1):
        handler.wfile.write(b"a")


def gigabyte(handler: BaseHTTPRequestHandler, place: Receiver) -> None:
    """Announces 1 GB and sends it as fast as it is taken."""
    handler.send_response(200)
    handler.send_header("content-length", str(1 << 30))
    handler.end_headers()
    block = b"x" * 65536
    for _ in range(1 << 14):
        handler.wfile.write(block)


def endless_headers(handler: BaseHTTPRequestHandler, place: Receiver) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
    while not place.leaving.is_set():
        handler.wfile.write(b"x-more: " + b"y" * 1000 + b"\r\n")


def talks_nonsense(handler: BaseHTTPRequestHandler, place: Receiver) -> None:
    handler.wfile.write(b"220 mail.example.com ESMTP\r\n\r\n")


def hangs_up(handler: BaseHTTPRequestHandler, place: Receiver) -> None:
    """Closes without a word."""

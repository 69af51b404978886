"""A webhook receiver on loopback that answers as it is told and keeps what it got."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Got:
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found


class Receiver:
    """``answer``: called with each request's handler after it was kept; the default says 200."""

    def __init__(self, answer: Callable[[BaseHTTPRequestHandler], None] | None = None) -> None:
        self.got: list[Got] = []
        self._changed = threading.Condition()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                with receiver._changed:
                    receiver.got.append(Got(self.path, {k.lower(): v for k, v in self.headers.items()}, body))
                    receiver._changed.notify_all()
                if answer:
                    answer(self)
                else:
                    self.send_response(200)
                    self.send_header("Content-Length", "0")
                    self.end_headers()

            def log_message(self, *_: object) -> None:
                """Quiet: what came is in ``got``."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Receiver:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def wait(self, wanted: Callable[[list[Got]], bool], seconds: float = 30) -> list[Got]:
        """What came, as soon as it is as wanted."""
        deadline = time.monotonic() + seconds
        with self._changed:
            while not wanted(self.got):
                left = deadline - time.monotonic()
                assert left > 0, f"only {[g.json.get('type') for g in self.got]} came"
                self._changed.wait(left)
            return list(self.got)

    def wait_for(self, event: str, seconds: float = 30) -> Got:
        got = self.wait(lambda all_: any(g.json.get("type") == event for g in all_), seconds)
        return next(g for g in got if g.json.get("type") == event)

"""What is asked of a stranger's server, and what it cannot do to us."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from antiphon.speech.fetch import TooMuch, Unreached
from antiphon.speech.fetch_http import HttpWeb
from antiphon.webhooks.guard import Guard
from antiphon.webhooks.send import trusted_roots

WHOLE = b"x" * 300_000


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    seen: list[dict[str, str]]

    def do_GET(self) -> None:
        self.seen.append({k.lower(): v for k, v in self.headers.items()})
        match self.path.partition("?")[0]:
            case "/moved":
                self._say(302, b"", ("Location", "/whole"))
            case "/endless":
                self.send_response(200)
                self.end_headers()
                while True:
                    self.wfile.write(WHOLE)
            case "/drips":
                self.send_response(200)
                self.end_headers()
                while True:
                    self.wfile.write(b"x")
                    time.sleep(0.05)
            case "/short":
                self.send_response(200)
                self.send_header("Content-Length", "1000")
                self.end_headers()
                self.wfile.write(b"x")
                self.close_connection = True
            case _:
                self._say(200, WHOLE, ("Content-Type", "audio/wav"))

    def _say(self, status: int, body: bytes, *headers: tuple[str, str]) -> None:
        self.send_response(status)
        for name, value in (*headers, ("Content-Length", str(len(body)))):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def handle(self) -> None:
        try:
            super().handle()
        except OSError:  # whoever asked has had enough
            return

    def log_message(self, format: str, *args: Any) -> None:
        return


@pytest.fixture
def server() -> Iterator[ThreadingHTTPServer]:
    handler = type("Own", (Handler,), {"seen": []})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        running.daemon_threads = True
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield running
        running.shutdown()


def url(server: ThreadingHTTPServer, path: str = "/whole") -> str:
    return f"http://127.0.0.1:{server.server_address[1]}{path}"


def web(**settings: Any) -> HttpWeb:
    return HttpWeb(Guard(allow_local=True), trusted_roots(), **settings)


def test_a_recording_comes_part_by_part(server: ThreadingHTTPServer) -> None:
    with web().get(url(server), len(WHOLE)) as answer:
        assert (answer.status, answer.content_type) == (200, "audio/wav")
        assert b"".join(answer.parts) == WHOLE
    (asked,) = server.RequestHandlerClass.seen  # type: ignore[attr-defined]
    assert asked["accept-encoding"] == "identity"
    assert not {"cookie", "authorization", "referer"} & set(asked)


def test_a_redirect_is_told_and_not_followed(server: ThreadingHTTPServer) -> None:
    with web().get(url(server, "/moved"), 10) as answer:
        assert (answer.status, answer.location) == (302, "/whole")
    assert len(server.RequestHandlerClass.seen) == 1  # type: ignore[attr-defined]


@pytest.mark.parametrize("path", ["/whole", "/endless"])
def test_no_more_is_read_than_was_wanted(server: ThreadingHTTPServer, path: str) -> None:
    """Whatever its Content-Length says."""
    with web().get(url(server, path), len(WHOLE) - 1) as answer, pytest.raises(TooMuch):
        for _ in answer.parts:
            pass


def test_a_server_that_drips_is_cut_at_the_deadline(server: ThreadingHTTPServer) -> None:
    with web(seconds=0.5).get(url(server, "/drips"), 10_000_000) as answer, pytest.raises(Unreached):
        for _ in answer.parts:
            pass


def test_a_recording_that_breaks_off_is_not_taken_for_a_whole_one(server: ThreadingHTTPServer) -> None:
    with web().get(url(server, "/short"), 10_000) as answer, pytest.raises(Unreached):
        for _ in answer.parts:
            pass


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1:1/",
        "https://169.254.169.254/latest/meta-data/",
        "https://[fd00:ec2::254]/",
        "https://0x7f000001/",
        "file:///etc/passwd",
        "ftp://files.example.com/a.wav",
        "data:audio/wav;base64,AAAA",
    ],
)
def test_what_may_not_be_called_looks_like_what_does_not_answer(address: str) -> None:
    """S-01, S-04, S-05, S-09"""
    with pytest.raises(Unreached), web().get(address, 10):
        raise AssertionError("it answered")


def test_a_name_that_leads_inside_is_not_called(server: ThreadingHTTPServer) -> None:
    """S-06, S-07: also where only one of its addresses does."""

    def resolve(host: str, port: int) -> Sequence[str]:
        return ["1.1.1.1", "10.0.0.7"]

    strict = HttpWeb(Guard(), trusted_roots(), resolve=resolve)
    with pytest.raises(Unreached), strict.get("https://files.example.com/a.wav", 10):
        raise AssertionError("it answered")

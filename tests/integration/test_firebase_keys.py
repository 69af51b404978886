"""The published keys over a real connection."""

from __future__ import annotations

import gzip
import socket
import threading
import zlib
from collections.abc import Iterator

import pytest

from antiphon.identity.firebase import PublishedKeys
from antiphon.identity.firebase_http import MAX_BYTES, fetch_from
from antiphon.platform.clock import system_clock
from antiphon.platform.errors import Unavailable
from tests.firebase import KeyServer, Project


@pytest.fixture
def project() -> Project:
    return Project()


@pytest.fixture
def server(project: Project) -> Iterator[KeyServer]:
    with KeyServer(project) as running:
        yield running


def test_keys_come_with_how_long_they_may_be_kept(server: KeyServer, project: Project) -> None:
    found = fetch_from(server.url)()
    assert (found.body, found.cache_control) == (project.key_set, "public, max-age=3600, must-revalidate")
    keys = PublishedKeys(fetch_from(server.url), system_clock)
    assert keys.get(project.key_id).public_numbers() == project.private.public_key().public_numbers()


@pytest.mark.parametrize(
    "answer", [(500, b""), (404, b"{}"), (302, b""), (200, b"x" * (MAX_BYTES + 1))], ids=["500", "404", "302", "large"]
)
def test_anything_else_is_no_answer(server: KeyServer, project: Project, answer: tuple[int, bytes]) -> None:
    """A-61: no redirect is followed, and no more than 64 KB are read."""
    project.answer = answer
    with pytest.raises(OSError, match="no keys"):
        fetch_from(server.url)()
    assert project.asked == 1


def test_where_nobody_answers_there_are_no_keys() -> None:
    with pytest.raises(OSError, match="no keys"):
        fetch_from("http://127.0.0.1:9/keys")()
    with pytest.raises(Unavailable):
        PublishedKeys(fetch_from("http://127.0.0.1:9/keys"), system_clock).get("k")


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_keys_may_come_compressed_and_a_bomb_is_none(encoding: str) -> None:
    """A-61"""
    pack = gzip.compress if encoding == "gzip" else zlib.compress
    for body, good in ((b'{"keys": []}', True), (bytes(20_000_000), False)):
        packed = pack(body)
        head = f"HTTP/1.1 200 OK\r\nContent-Encoding: {encoding}\r\nContent-Length: {len(packed)}\r\n\r\n"
        with Peer([head.encode() + packed]) as url:
            if good:
                assert fetch_from(url)().body == body
            else:
                with pytest.raises(OSError, match="no keys"):
                    fetch_from(url)()


def test_a_server_that_never_comes_to_an_end_is_left() -> None:
    """A-35: each pause is short, so that only the time for the whole ends it."""
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n"
    with Peer([head, *[b" "] * 60_000], pause=0.02) as url, pytest.raises(OSError, match="too slowly"):
        fetch_from(url, seconds=0.3)()


class Peer:
    """Answers one request with these pieces, whatever was asked."""

    def __init__(self, pieces: list[bytes], pause: float = 0) -> None:
        self._pieces, self._pause = pieces, pause
        self._gone = threading.Event()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._answer)

    def _answer(self) -> None:
        connection, _ = self._listening.accept()
        with connection:
            connection.recv(65_536)
            for piece in self._pieces:
                try:
                    connection.sendall(piece)
                except OSError:  # the client has left, which is what is tested
                    return
                if self._pause and self._gone.wait(self._pause):
                    return

    def __enter__(self) -> str:
        self._thread.start()
        return f"http://127.0.0.1:{self._listening.getsockname()[1]}/keys"

    def __exit__(self, *_: object) -> None:
        self._gone.set()
        self._thread.join()
        self._listening.close()

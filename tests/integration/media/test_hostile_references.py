"""U-11: a file that names another file or an address gets neither a byte nor a visit, at the worker's own command line."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from antiphon.media.decode import decode
from antiphon.media.probe import probe
from antiphon.platform.errors import MediaError
from tests import media_samples as samples


class Canary:
    """A server that would give a recording to whoever asks, and remembers who did."""

    def __init__(self, recording: bytes) -> None:
        self.hits: list[str] = []
        canary = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                canary.hits.append(self.path)
                self.send_response(200)
                self.send_header("Content-Length", str(len(recording)))
                self.end_headers()
                self.wfile.write(recording)

            do_HEAD = do_GET  # noqa: N815 - the name that the server looks for

            def log_message(self, format: str, *args: object) -> None:
                """Silent."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}/canary.m4a"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def canary(tmp_path: Path) -> Iterator[Canary]:
    folder = tmp_path / "made"
    folder.mkdir()
    made = Canary(samples.recording(folder / "canary.m4a").read_bytes())
    yield made
    made.server.shutdown()
    made.server.server_close()


HOSTILE = {
    "dash to http": lambda web, file: samples.dash_manifest(web),
    "hls to http": lambda web, file: samples.hls_playlist(web),
    "hls to a file": lambda web, file: samples.hls_playlist(f"file://{file}"),
    "ffconcat of a sibling": lambda web, file: samples.ffconcat("canary.wav"),
    "ffconcat of a file": lambda web, file: samples.ffconcat(str(file)),
    "ffconcat to http": lambda web, file: samples.ffconcat(web),
    "session description": lambda web, file: samples.session_description(40_000),
}


@pytest.mark.parametrize("name", ["talk.mp3", "talk.m3u8", "talk.mp4", "talk"])
@pytest.mark.parametrize("kind", HOSTILE)
def test_a_reference_is_neither_fetched_nor_read(kind: str, name: str, tmp_path: Path, canary: Canary) -> None:
    other = samples.wav(tmp_path / "canary.wav")
    path = tmp_path / name
    path.write_bytes(HOSTILE[kind](canary.address, other))
    for look in (probe, lambda p: list(decode(p))):
        with pytest.raises(MediaError) as refused:
            look(path)
        assert refused.value.code == "unsupported_media"
    assert canary.hits == []


def test_the_canary_would_have_been_heard(tmp_path: Path, canary: Canary) -> None:
    """The same playlist, opened by the same library without any guard, does read the sibling: so the tests above can fail."""
    samples.wav(tmp_path / "canary.wav")
    playlist = tmp_path / "talk.mp3"
    playlist.write_bytes(samples.ffconcat("canary.wav"))
    program = "import av, sys\nprint(sum(f.samples for f in av.open(sys.argv[1]).decode(audio=0)))"
    heard = subprocess.run([sys.executable, "-c", program, str(playlist)], capture_output=True, text=True, check=False)
    assert heard.stdout.strip() == "16000"


def test_the_decoder_can_open_neither_a_file_nor_a_socket(tmp_path: Path) -> None:
    """U-12: by the kernel, whatever a demuxer may think of."""
    program = (
        "import os, socket, sys\n"
        "from antiphon.platform.confinement import confine\n"
        "from antiphon.media.model import Limits\n"
        "confine(Limits())\n"
        "for attempt in (lambda: os.open('/etc/passwd', os.O_RDONLY), socket.socket, os.pipe):\n"
        "    try:\n"
        "        attempt()\n"
        "        print('could', attempt)\n"
        "        break\n"
        "    except OSError as error:\n"
        "        print(error.errno)\n"
    )
    environment = {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    said = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=False
    ).stdout.split("\n")
    assert said[:3] == ["24", "24", "24"]

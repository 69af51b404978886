"""Recordings that lie at an address: they are fetched by a function, as the workers reach no network of others."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from infra.local.home import free_port
from infra.local.person import Person
from infra.local.recordings import spoken_wav


@pytest.fixture
def files() -> Iterator[str]:
    """A customer's server: ``/talk.wav``, ``/moved`` leads there, and nothing else is there."""
    wav = spoken_wav(2)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            self.send_response({"/talk.wav": 200, "/moved": 302}.get(path, 404))
            self.send_header("Content-Type", "audio/wav")
            self.send_header("Location", "/talk.wav")
            self.end_headers()
            if path == "/talk.wav":
                self.wfile.write(wav)

        def log_message(self, format: str, *args: Any) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_address[1]}"
        running.shutdown()


def test_a_recording_at_an_address_becomes_a_transcript(person: Person, files: str) -> None:
    answer = person.post("/v1/transcriptions", {"url": f"{files}/moved?signature=secret"})
    assert answer.status_code == 201, answer.text
    job = answer.json()
    assert (job["status"], job["stage"], job["upload"], job["title"]) == ("awaiting_upload", "fetching", None, "moved")
    done = person.ended(job)
    assert done["status"] == "succeeded", done
    assert person.segments(job)


def test_what_is_not_there_fails_and_what_does_not_answer_is_tried_again(person: Person, files: str) -> None:
    """S-09"""
    lost = person.post("/v1/transcriptions", {"url": f"{files}/nothing.wav"}).json()
    silent = person.post("/v1/transcriptions", {"url": f"http://127.0.0.1:{free_port()}/a.wav"}).json()
    failed = person.ended(lost)
    assert (failed["status"], failed["error"]["code"]) == ("failed", "url_not_found")
    waits = person.job(silent)
    assert (waits["status"], waits["stage"]) == ("awaiting_upload", "fetching")
    assert person.post(f"/v1/transcriptions/{silent['id']}/cancel").json()["status"] == "canceled"


@pytest.mark.parametrize(
    "url", ["https://169.254.169.254/latest/meta-data/", "file:///etc/passwd", "https://10.0.0.1/"]
)
def test_an_address_that_may_not_be_called_is_refused_at_once(person: Person, url: str) -> None:
    """S-01"""
    answer = person.post("/v1/transcriptions", {"url": url})
    assert (answer.status_code, answer.json()["code"]) == (422, "url_not_allowed")
    assert [field["field"] for field in answer.json()["errors"]] == ["url"]

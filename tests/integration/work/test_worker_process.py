"""The workers as processes: how they start, and how they end when nothing is to be done."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
WORKERS = {
    "transcriber": ("TRANSCRIPTION", "TRANSCRIBER", "pocketsphinx"),
    "synthesizer": ("SPEECH", "SYNTHESIZER", "espeak"),
}


class EmptyQueues:
    """Answers every poll with nothing; ``dead``: it takes each request and never answers."""

    def __init__(self) -> None:
        self.polls = threading.Semaphore(0)
        self.dead = threading.Event()
        self.closed = threading.Event()
        queues = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                queues.polls.release()
                if queues.dead.is_set():
                    queues.closed.wait(60)
                    return
                queues.closed.wait(body.get("WaitTimeSeconds", 0))
                self.send_response(200)
                self.send_header("Content-Type", "application/x-amz-json-1.0")
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, format: str, *args: object) -> None:
                return

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: Any, client_address: Any) -> None:
                """A worker that ended in the middle of a poll."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def wait_for_polls(self, count: int) -> None:
        for _ in range(count):
            assert self.polls.acquire(timeout=60)

    def close(self) -> None:
        self.closed.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def queues() -> Iterator[EmptyQueues]:
    queues = EmptyQueues()
    yield queues
    queues.close()


class Process:
    """A worker process and its log, line by line."""

    def __init__(self, name: str, folder: Path, endpoint: str, **settings: str | None) -> None:
        kind, variable, engine = WORKERS[name]
        environment = {
            **{k: v for k, v in os.environ.items() if k in ("PATH", "HOME", "LANG", "TMPDIR")},
            "PYTHONPATH": str(ROOT / "layers/core"),
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_EC2_METADATA_DISABLED": "true",
            "TABLE_NAME": "table",
            "RESULTS_BUCKET": "results",
            f"{kind}_QUEUE_URL": f"{endpoint}/1/standard",
            f"{kind}_PRIORITY_QUEUE_URL": f"{endpoint}/1/priority",
            variable: engine,
            "WORK_DIR": str(folder),
            **settings,
        }
        self._process = subprocess.Popen(
            [sys.executable, str(ROOT / "functions" / name / "worker.py")],
            env={k: v for k, v in environment.items() if v is not None},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            self.lines.put(line)

    def wait_for(self, message: str) -> None:
        deadline = time.monotonic() + 60
        while json.loads(self.lines.get(timeout=max(0.0, deadline - time.monotonic())))["message"] != message:
            pass

    def signal(self, number: int) -> None:
        self._process.send_signal(number)

    def ended(self, timeout: float = 60) -> int:
        try:
            return self._process.wait(timeout)
        finally:
            self._process.kill()
            self._process.wait()
            self._reader.join()
            assert self._process.stdout
            self._process.stdout.close()

    def log(self) -> list[dict[str, Any]]:
        lines = []
        while not self.lines.empty():
            lines.append(json.loads(self.lines.get()))
        return lines


@pytest.mark.parametrize("name", WORKERS)
@pytest.mark.parametrize("signals", [1, 3])
def test_an_idle_worker_ends_well_within_two_seconds(
    name: str, signals: int, queues: EmptyQueues, tmp_path: Path
) -> None:
    """Q-31: however often it is asked."""
    process = Process(name, tmp_path, queues.url)
    process.wait_for("ready")
    queues.wait_for_polls(3)
    asked = time.monotonic()
    for _ in range(signals):
        process.signal(signal.SIGTERM)
    assert process.ended() == 0
    assert time.monotonic() - asked < 2


def test_a_worker_without_an_answer_from_its_queues_ends_well_all_the_same(queues: EmptyQueues, tmp_path: Path) -> None:
    """Q-31"""
    queues.dead.set()
    process = Process("synthesizer", tmp_path, queues.url)
    process.wait_for("ready")
    queues.wait_for_polls(2)
    asked = time.monotonic()
    process.signal(signal.SIGTERM)
    assert process.ended() == 0
    assert time.monotonic() - asked < 3


def test_a_worker_that_cannot_reach_its_queues_goes_on_asking(tmp_path: Path) -> None:
    process = Process("synthesizer", tmp_path, "http://127.0.0.1:1")
    process.wait_for("receive failed")
    process.wait_for("receive failed")
    process.signal(signal.SIGTERM)
    assert process.ended() == 0


def test_what_a_killed_worker_left_is_removed_by_the_next(queues: EmptyQueues, tmp_path: Path) -> None:
    """Q-21"""
    first = Process("synthesizer", tmp_path, queues.url)
    first.wait_for("ready")
    (own,) = (tmp_path / "synthesizer").iterdir()
    (own / "tmp1").mkdir()
    first.signal(signal.SIGKILL)
    assert first.ended() == -signal.SIGKILL
    second = Process("synthesizer", tmp_path, queues.url)
    second.wait_for("ready")
    assert not own.exists()
    second.signal(signal.SIGTERM)
    assert second.ended() == 0


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"TRANSCRIBER": "whisperx", "WHISPERX_MODEL_DIR": "/nowhere"}, "whisperx"),
        ({"TRANSCRIBER": "whisperx"}, "model_dir"),
        ({"TRANSCRIBER": "abacus"}, "abacus"),
        ({"TRANSCRIPTION_QUEUE_URL": None}, "TRANSCRIPTION_QUEUE_URL"),
    ],
)
def test_a_worker_that_cannot_work_says_why_in_one_line_and_ends_with_2(
    settings: dict[str, str | None], told: str, tmp_path: Path
) -> None:
    process = Process("transcriber", tmp_path, "http://127.0.0.1:1", **settings)
    assert process.ended() == 2
    (line,) = process.log()
    assert (line["level"], line["message"]) == ("ERROR", "cannot start")
    assert told in line["detail"]


def test_a_worker_that_is_asked_to_end_while_it_starts_ends_within_five_seconds(
    queues: EmptyQueues, tmp_path: Path
) -> None:
    """Q-31: its own folder is the first sign that signals are heard."""
    process = Process("transcriber", tmp_path, queues.url)
    deadline = time.monotonic() + 60
    while not (tmp_path / "transcriber").exists() and time.monotonic() < deadline:
        threading.Event().wait(0.005)
    asked = time.monotonic()
    process.signal(signal.SIGTERM)
    assert process.ended() == 0
    assert time.monotonic() - asked < 5


def test_every_line_of_the_log_is_json_in_utc(queues: EmptyQueues, tmp_path: Path) -> None:
    """O-01"""
    process = Process("synthesizer", tmp_path, queues.url)
    queues.wait_for_polls(2)
    process.signal(signal.SIGTERM)
    assert process.ended() == 0
    lines = process.log()
    # There is no bucket here: samples of voices are tried once, and the worker goes on.
    assert [line["message"] for line in lines] == ["ready", "samples not made", "drained"]
    assert {line["service"] for line in lines} == {"synthesizer"}
    assert all(line["timestamp"].endswith("+00:00") for line in lines)

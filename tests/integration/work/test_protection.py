"""Q-32: ECS task protection, against a local agent."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from antiphon.work.heartbeat import LONGEST
from antiphon.work.protection import EcsProtection

LOG = logging.getLogger("protection")


class Agent:
    """``status``: what it answers with; ``silent``: it takes the request and never answers."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, object]] = []
        self.status = 200
        self.silent = threading.Event()
        agent = self

        class Handler(BaseHTTPRequestHandler):
            def do_PUT(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                agent.asked.append((self.path, self.headers["Content-Type"], body))
                if agent.silent.is_set():
                    agent.released.wait(10)
                self.send_response(agent.status)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                return

        self.released = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/api/1234"

    def close(self) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def agent() -> Iterator[Agent]:
    agent = Agent()
    yield agent
    agent.close()


def test_protection_is_set_for_longer_than_a_job_can_be_held_and_taken_off_again(agent: Agent) -> None:
    protection = EcsProtection(agent.url, LOG)
    protection.set(True)
    protection.set(False)
    path, kind = "/api/1234/task-protection/v1/state", "application/json"
    assert agent.asked == [
        (path, kind, {"ProtectionEnabled": True, "ExpiresInMinutes": 720}),
        (path, kind, {"ProtectionEnabled": False}),
    ]
    assert LONGEST.total_seconds() / 60 < 720 <= 2880


def test_an_agent_that_says_no_is_logged_and_not_fatal(agent: Agent, caplog: pytest.LogCaptureFixture) -> None:
    agent.status = 400
    EcsProtection(agent.url, LOG).set(True)
    assert [r.message for r in caplog.records] == ["task protection not set"]


def test_an_agent_that_is_not_there_is_logged_and_not_fatal(agent: Agent, caplog: pytest.LogCaptureFixture) -> None:
    EcsProtection("http://127.0.0.1:1", LOG).set(True)
    assert [r.message for r in caplog.records] == ["task protection not set"]


def test_an_agent_that_does_not_answer_is_not_waited_for(agent: Agent, caplog: pytest.LogCaptureFixture) -> None:
    agent.silent.set()
    EcsProtection(agent.url, LOG, timeout=0.2).set(True)
    assert [r.message for r in caplog.records] == ["task protection not set"]
